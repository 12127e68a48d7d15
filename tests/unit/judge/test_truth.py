"""Histories whose truth is known, and which were once judged otherwise. The worst: "clean"."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import structs

from poster.judge.analysis import analyse
from poster.rows.record import Observation
from tests.support.truths import (
    SWITCH_S,
    Rows,
    blanked,
    clean_cut,
    edited,
    failing,
    history,
    is_stale,
    made_unknown,
    mixture,
    moved,
    result_of,
    sent_s,
    step,
    told,
    verdict,
)

CONTROLS = {
    "a clean cut": told(clean_cut, [moved()]),
    "a clean cut that no step tells of": told(clean_cut),
    "a clean cut, with a deploy-started": told(clean_cut, [step("deploy-started", 15), moved()]),
    "a baseline with failures": told(failing(0, 60, every=100), [moved()]),
    "a time-out long before the deploy": told(
        lambda at_s, seq: "?" if seq == 50 else clean_cut(at_s, seq),
        [step("deploy-started", 15), moved()],
    ),
    "a failure long after the switch": told(failing(50, 50.02), [moved()]),
    "no version, only markers": edited(
        told(clean_cut, [moved()]), lambda call: blanked(call, "function_version")
    ),
    "no server's clock": edited(
        told(clean_cut, [moved()]), lambda call: blanked(call, "server_ms")
    ),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_what_is_clean_is_clean(name: str) -> None:
    result = result_of(CONTROLS[name])
    assert result.verdict == "clean", result.witness


@pytest.mark.parametrize("until_s", [0.5, 4.0])
def test_what_is_mixed_is_mixed(until_s: float) -> None:
    assert verdict(told(mixture(until_s), [moved()])) == "mixed"


# What could show the mixture is hidden.


HIDDEN = {
    "unknown": lambda call: made_unknown(call) if is_stale(call) else call,
    "names no version": lambda call: (
        blanked(call, "function_version", "marker") if is_stale(call) else call
    ),
    "missing": lambda call: None if is_stale(call) else call,
    "says $LATEST": lambda call: (
        structs.replace(call, function_version="$LATEST", marker=None) if is_stale(call) else call
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("steps", [[moved()], []], ids=["alias", "no steps"])
def test_a_mixture_that_is_hidden_is_never_clean(name: str, steps: Rows) -> None:
    assert verdict([*edited(told(mixture(4)), HIDDEN[name]), *steps]) == "unknown"


def test_lines_that_cannot_be_read_are_never_clean() -> None:
    found = dataclasses.replace(history(told(clean_cut, [moved()])), malformed_lines=3)
    assert analyse(found, rows=None).verdict == "unknown"


# Silence, and histories that end too soon.


def test_a_poster_that_is_silent_from_just_before_the_switch_is_unknown() -> None:
    silent = lambda call: (  # noqa: E731
        None if call.poster == 2 and SWITCH_S - 0.1 <= sent_s(call) < SWITCH_S + 3 else call
    )
    renumbered = iter(range(1, 9999))
    rows = edited(
        edited(told(clean_cut), silent),
        lambda call: structs.replace(call, seq=next(renumbered)),
    )
    assert verdict(rows) == "unknown"
    assert verdict([*rows, moved()]) == "unknown"


@pytest.mark.parametrize("after_s", [0.2, 1, 4])
def test_a_history_that_ends_soon_after_the_switch_is_not_clean(after_s: float) -> None:
    assert verdict(told(clean_cut, [moved()], seconds=SWITCH_S + after_s)) == "unknown"


# Connections that were kept: a front end may stay with one, so many calls say little.


def connected(new_every: int, unsaid_every: int = 0) -> Rows:
    """Return a clean cut whose calls go over kept connections, but for every so manieth."""

    def how(call: Observation) -> Observation:
        is_new = new_every and call.seq % new_every == 0
        is_unsaid = unsaid_every and call.seq % unsaid_every == 0
        said = None if is_unsaid else "new" if is_new else "kept"
        return structs.replace(call, connection=said)

    return edited(told(clean_cut, [moved()]), how)


def test_a_clean_cut_over_kept_connections_is_not_clean() -> None:
    result = result_of(connected(new_every=0))
    assert result.verdict == "unknown"
    assert "--fresh-connections" in result.witness
    assert result_of(connected(new_every=0), target="local").verdict == "clean"


def test_enough_calls_over_new_connections_beside_them_are_clean() -> None:
    assert verdict(connected(new_every=2)) == "clean"
    assert verdict(connected(new_every=10)) == "unknown"


def test_a_call_that_does_not_say_how_it_was_connected_makes_nothing_clean() -> None:
    assert verdict(connected(new_every=0, unsaid_every=50)) == "unknown"
