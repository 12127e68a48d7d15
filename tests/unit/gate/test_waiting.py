"""The loop: from probes that end to a decision, with a last look at the control plane."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from fake_gate import FakeLambda, ScriptedProber, TickingClock, answer, failure, scripted
from msgspec import structs

from poster.calls.curl_call import Exchange
from poster.calls.probe import Probed
from poster.gate.control_plane import ControlPlane
from poster.gate.errors import GateError, NoAnswerError, NoVersionError, SupersededError
from poster.gate.sequential import Rule
from poster.gate.tally import Expected
from poster.gate.waiting import SILENT_ANSWERS, Wait, wait_in_order
from poster.rows.record import Observation

THREE = Rule(stale_share=0.5, confidence=0.8)  # takes three in a row
SOON_NS = 1_000_000_000


def answers(versions: str, first: int = 1) -> list[Observation]:
    """One probe per character, 10 ns apart: the version that answers, - for none."""
    return [
        answer(seq, 10 * seq, 10 * seq + 5, None if version == "-" else version)
        for seq, version in enumerate(versions, start=first)
    ]


def wait_with(script: type[ScriptedProber], *names: str, **settings: Any) -> Wait:
    probed = [Probed(name, f"http://{name}", Exchange()) for name in names or ("here",)]
    wait = Wait(probed, Expected("2"), THREE, 50, TickingClock(), prober=script)
    return dataclasses.replace(wait, **settings)


def test_reached_says_on_what_it_rests() -> None:
    passage = wait_with(scripted(here=answers("1121222"))).until(SOON_NS)
    assert passage.outcome == "reached"
    assert passage.sentence == (
        "3 new answers in a row over 0.0 s; if 50 % of calls were still old, this would happen with"
        " probability 0.12"
    )
    (count,) = passage.endpoints
    assert (count.new, count.old, count.restarts) == (4, 3, 1)
    assert passage.answered_by == {"1", "2"}


def test_time_out_says_how_far_it_came() -> None:
    probes = [*answers("22122"), failure(6, 60, "HTTP 502: no")]
    passage = wait_with(scripted(here=probes)).until(SOON_NS)
    assert passage.outcome == "timed-out"
    assert passage.sentence == (
        "after 1.0 s it is not sure that callers of here get version 2: 2 of the 3 new answers in a"
        " row that it takes; answers: 4 by 2, 1 by 1, 1 failed or unknown"
    )
    assert passage.endpoints[0].last_error == "HTTP 502: no"


def test_all_endpoints_must_pass() -> None:
    stuck = scripted(one=answers("2222"), other=answers("2212"))
    assert wait_with(stuck, "one", "other").until(SOON_NS).outcome == "timed-out"
    both = scripted(one=answers("2222"), other=answers("1222"))
    passage = wait_with(both, "one", "other").until(SOON_NS)
    assert passage.sentence.startswith("at each of 2 endpoints at least 3 new answers in a row")


def test_a_marker_tells_the_new_release_where_no_version_does() -> None:
    probes = [structs.replace(each, marker="bbb") for each in answers("---")]
    wait = wait_with(scripted(here=probes), expected=Expected(marker="bbb"))
    assert wait.until(SOON_NS).outcome == "reached"
    old = wait_with(scripted(here=probes), expected=Expected(marker="ccc"))
    assert old.until(SOON_NS).endpoints[0].old == 3
    both = wait_with(scripted(here=probes), expected=Expected("2", "bbb"))
    with pytest.raises(NoVersionError):
        both.until(SOON_NS)


def test_an_endpoint_that_never_answers_is_told_apart_from_a_time_out() -> None:
    probes = [failure(1, 10, "HTTP 403: Missing Authentication Token")]
    with pytest.raises(NoAnswerError, match=r"none of 1 probes of here .*HTTP 403: Missing"):
        wait_with(scripted(here=probes)).until(SOON_NS)
    with pytest.raises(NoAnswerError, match=r"none of 0 probes of here .*no outcome yet"):
        wait_with(scripted(here=[])).until(SOON_NS)


def test_a_pointer_to_nowhere_does_not_cost_the_whole_wait() -> None:
    clock = TickingClock()
    wait = wait_with(scripted(here=answers("-" * SILENT_ANSWERS)), clock=clock)
    with pytest.raises(
        NoVersionError, match=r"500 answers of here name no version.*--version-from"
    ):
        wait.until(10**18)


def test_a_release_that_does_not_name_itself_yet_is_an_old_one() -> None:
    passage = wait_with(scripted(here=answers("--222"))).until(SOON_NS)
    assert passage.outcome == "reached"
    assert passage.endpoints[0].answered_by == {"": 2, "2": 3}


def test_the_control_plane_has_the_last_word() -> None:
    def moved_on() -> None:
        raise SupersededError("alias live moved on")

    with pytest.raises(SupersededError):
        wait_with(scripted(here=answers("222")), look=moved_on).until(SOON_NS)


def test_an_old_answer_during_the_last_look_takes_the_decision_back() -> None:
    class Late(scripted(here=answers("222"))):  # type: ignore[misc]
        def __enter__(self) -> ScriptedProber:
            probers.append(self)
            return super().__enter__()

    probers: list[ScriptedProber] = []

    def look() -> None:
        if not looks:
            probers[0].emit(answer(4, 40, 45, "1"))
        looks.append(1)

    looks: list[int] = []
    passage = wait_with(Late, look=look).until(SOON_NS)
    assert passage.outcome == "timed-out"


def test_probes_that_end_by_themselves_are_an_error_with_their_cause() -> None:
    class Broken(scripted(here=[])):  # type: ignore[misc]
        def __enter__(self) -> ScriptedProber:
            self.failure = OSError("no more files")
            self.on_end()
            return self

    with pytest.raises(OSError, match="no more files"):
        wait_with(Broken).until(SOON_NS)

    class Ended(scripted(here=[])):  # type: ignore[misc]
        def __enter__(self) -> ScriptedProber:
            self.on_end()
            return self

    with pytest.raises(GateError, match="ended by themselves"):
        wait_with(Ended).until(SOON_NS)


def test_a_passage_is_a_step_of_a_history() -> None:
    passage = wait_with(scripted(here=answers("1222"))).until(SOON_NS)
    step = passage.step()
    assert (step.name, step.at_ns) == ("gate-passed", passage.at_ns)
    assert step.detail == {
        "expected": "version 2",
        "in_a_row": 3,
        "bound": 0.125,
        "stale_share": 0.5,
        "waited_s": passage.waited_s,
    }


def plane_at(version: str) -> tuple[ControlPlane, FakeLambda]:
    aws = FakeLambda(TickingClock(), version)
    return ControlPlane(aws, "todo", "live", aws.clock), aws


def test_callers_are_asked_for_the_version_that_the_alias_is_at() -> None:
    plane, _ = plane_at("2")
    wait = wait_with(scripted(here=answers("222")), expected=Expected())
    passage = wait_in_order(plane, wait, "1", SOON_NS)
    assert (passage.outcome, passage.expected) == ("reached", Expected("2"))


@pytest.mark.parametrize("was", ["1", "2"])
def test_callers_are_not_asked_when_the_control_plane_has_not_settled(was: str) -> None:
    plane, _ = plane_at("1")
    expected = Expected() if was == "1" else Expected("2")
    wait = wait_with(scripted(), expected=expected)
    passage = wait_in_order(plane, wait, was, SOON_NS)
    assert passage.outcome == ("nothing-to-wait-for" if was == "1" else "timed-out")


def test_an_alias_that_leaves_before_the_decision_is_noticed() -> None:
    plane, aws = plane_at("2")
    wait = wait_with(scripted(here=answers("222")), expected=Expected("2"))
    wait = dataclasses.replace(wait, tell=lambda tallies: aws.point("3"))
    with pytest.raises(SupersededError, match="version 3"):
        wait_in_order(plane, wait, None, SOON_NS)


@pytest.mark.parametrize("expected", [Expected("2"), Expected(marker="2")])
def test_without_a_control_plane_what_was_before_has_nothing_to_wait_for(
    expected: Expected,
) -> None:
    passage = wait_in_order(None, wait_with(scripted(), expected=expected), "2", SOON_NS)
    assert passage.outcome == "nothing-to-wait-for"
