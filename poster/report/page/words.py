"""What the page says beside its figures, as values for the template, which escapes them."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from poster.judge.analysis import Result
from poster.judge.checks import Checks
from poster.judge.landing import Landing
from poster.judge.phases import Quantiles
from poster.judge.releases import name_of
from poster.judge.safe import Safe, safe_in_all
from poster.judge.transition import Transition
from poster.report import account, sentences
from poster.report.excerpt import Excerpt, excerpt
from poster.report.page.looks import LOOKS, Look, short
from poster.report.page.sample import NEW, OLD
from poster.rows.history import History
from poster.rows.merge import offsets
from poster.rows.record import Run

MOST_STEPS = 100
MOST_RELEASES = 12
MOST_EXCERPT_ROWS = 60

Words = dict[str, Any]


def heading(result: Result) -> Words:
    """Return the answer in one sentence, its proof apart where it is long."""
    verdict = result.verdict.capitalize()
    answer = sentences.headline(result).removeprefix(verdict)
    proof = f"; {result.witness}."
    apart = answer.endswith(proof)
    return {
        "run": result.run,
        "kind": result.verdict,
        "verdict": verdict,
        "safe": _answer(result),
        "answer": f"{answer.removesuffix(proof)}." if apart else answer,
        "witness": f"{result.witness[:1].upper()}{result.witness[1:]}." if apart else "",
        "simulated": sentences.simulated_lag(result.run),
        "started": _started(result.run),
    }


def _answer(result: Result) -> tuple[str, str, str]:
    """Return from when it is safe: what comes before the number, the number, what comes after."""
    said, safe = sentences.safe_line(result), safe_in_all(result.safe)
    number = "" if safe.s is None else sentences.safe_when(safe).partition(" after ")[0]
    before, _, after = said.partition(number) if number else (said, "", "")
    return before, number, after


def _started(run: Run) -> str:
    try:
        at = datetime.datetime.fromtimestamp(run.origin_unix_ns / 1e9, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def deploys(result: Result, history: History, drawn: Sequence[str]) -> list[Words]:
    """Return each transition; those whose figure is drawn with all that is said about it."""
    found = []
    judged = zip(result.transitions, result.safe, strict=True)
    for number, (transition, safe) in enumerate(judged, start=1):
        words = _summary(f"deploy-{number}", transition, safe)
        if words["id"] in drawn:
            words |= _detail(transition, safe)
            words["excerpt"] = _excerpt(excerpt(history, transition), transition, result)
        found.append(words)
    return found


def _summary(name: str, transition: Transition, safe: Safe) -> Words:
    return {
        "id": name,
        "name": f"{short(name_of(transition.start))} \u2192 {short(name_of(transition.to))}",
        "safe": "not known" if safe.s is None else sentences.safe_when(safe),
        "window": _seconds(transition.window_s),
        "stale": f"{transition.stale:,} of {transition.answered:,}",
        "inversions": f"{transition.inversions:,}",
        "fail": f"{transition.fail:,}",
        "unknown": f"{transition.unknown:,}",
    }


def _detail(transition: Transition, safe: Safe) -> Words:
    return {
        "figures": _large_numbers(transition, safe),
        "quantiles": list(transition.latency_ms["before"]),
        "latency": [(phase, _quantiles(each)) for phase, each in transition.latency_ms.items()],
        "stages": [
            {
                "weight": f"{stage.weight:.0%}",
                "held": f"{stage.from_s:.1f} s on"
                if stage.to_s is None
                else f"{stage.from_s:.1f} to {stage.to_s:.1f} s",
                "stale": f"{stage.stale:,} of {stage.answered:,}",
                "ci": _interval(stage.stale_ci),
            }
            for stage in transition.stages
        ],
    }


def _large_numbers(transition: Transition, safe: Safe) -> list[tuple[str, str, str]]:
    """Return (name, value, what it means)."""
    certain = _seconds(transition.certain_window_s)
    stale = f"of {transition.answered:,} in the window, {_interval(transition.stale_ci)}"
    return [
        _safe(transition, safe),
        (
            "Mixing window",
            _seconds(transition.window_s),
            f"first new to last old; {certain} whatever the clocks say",
        ),
        (
            "Stale answers",
            f"{transition.stale:,}",
            stale if transition.answered else "no old answer came after a new one",
        ),
        ("Each call lands", _landed(transition.landing), transition.landing.sentence),
        ("Inversions", f"{transition.inversions:,}", "one poster got new code, then old again"),
        (
            "Errors",
            f"{transition.fail + transition.unknown:,}",
            f"{transition.fail:,} failed, {transition.unknown:,} unknown until settled;"
            f" {transition.cold_starts:,} cold starts",
        ),
        *_outages(transition),
        *_beside(transition),
    ]


def _safe(transition: Transition, safe: Safe) -> tuple[str, str, str]:
    if safe.s is None:
        return "Safe", "not known", safe.reason
    number, _, since = sentences.safe_when(safe).partition(" after ")
    return "Safe", number, f"after {since}; {sentences.settled(transition)}"


def _landed(landing: Landing) -> str:
    if landing.basis == "none":
        return "together"
    if landing.basis == "new connections":
        return "kept"
    return "anew" if landing.is_tested else "untested"


def _outages(transition: Transition) -> Iterator[tuple[str, str, str]]:
    for name, outage in (
        ("Longest outage", transition.outage),
        ("Of one poster", transition.poster_outage),
    ):
        if outage is not None:
            bounds = f"{_seconds(outage.lower_s)} to {sentences.open_or_seconds(outage.upper_s)}"
            calls = f"calls {outage.first_seq:,} to {outage.last_seq:,}"
            yield name, _seconds(outage.s), f"without an ok answer ({bounds}), {calls}"


def _beside(transition: Transition) -> Iterator[tuple[str, str, str]]:
    both = transition.side_by_side
    if both is not None:
        for name, side in (("Old meanwhile", both.old), ("New meanwhile", both.new)):
            yield name, f"{side.latency_ms['p50'][0]:.1f} ms", sentences.side(side)


def _excerpt(found: Excerpt, transition: Transition, result: Result) -> Words:
    """Return the published form, with each moment also in seconds after the transition's zero."""
    roles = {transition.to: NEW, transition.start: OLD}
    by_marker: dict[str, Look] = {
        release.marker or release.release: LOOKS[roles[release.release]]
        for release in result.releases
        if release.release in roles
    }
    zero_ms = (result.run.origin_unix_ns + transition.phase.zero_ns) / 1e6
    if transition.is_ordered:  # by the server's clock
        zero_ms += result.clock.skew_ms or 0.0
    rows: list[Words] = [
        {
            "look": by_marker.get(who),
            "after": f"{(at_ms - zero_ms) / 1e3:+.3f} s",
            "text": f"{at_ms}: {short(todo)}, {short(who)}",
        }
        for at_ms, todo, who in found.rows
    ]
    if len(rows) > MOST_EXCERPT_ROWS:
        half = MOST_EXCERPT_ROWS // 2
        said = f"... {len(rows) - 2 * half:,} rows left out ..."
        left_out: Words = {"look": None, "after": "", "text": said}
        rows = [*rows[:half], left_out, *rows[-half:]]
    return {"above": short(found.above), "rows": rows, "below": short(found.below)}


def checks(made: Checks) -> Words:
    """Return the checks that found something, and how many found nothing."""
    found = [(check.title, finding) for check, finding in made.made() if finding.count]
    quiet = [check.title for check, finding in made.made() if not finding.count]
    return {"findings": found, "quiet_checks": quiet, "store_read": sentences.store_read(made)}


def run_tables(result: Result) -> Words:
    """Return the tables of the whole run: releases and steps."""
    return {
        "releases": [
            {
                "release": short(name_of(release.release)),
                "marker": "-" if release.marker is None else short(release.marker),
                "ok": f"{release.ok:,}",
                "instances": f"{release.instances:,}",
            }
            for release in result.releases[:MOST_RELEASES]
        ],
        "more_releases": max(0, len(result.releases) - MOST_RELEASES),
        "steps": [
            (
                f"{step.at_ns / 1e9:.3f}",
                step.name,
                ", ".join(f"{key} {value}" for key, value in step.detail.items()),
            )
            for step in result.steps[:MOST_STEPS]
        ],
        "steps_total": len(result.steps),
    }


def measured(result: Result) -> list[tuple[str, str]]:
    """Return how the run was made, as (name, value)."""
    run, calls, clock = result.run, result.calls, result.clock
    skew = (
        "answers carry no server time: ordered by their arrival"
        if clock.skew_ms is None or clock.error_ms is None
        else f"server's minus ours {clock.skew_ms:+.1f} ms, give or take {clock.error_ms:.1f} ms;"
        f" drift {clock.drift_ms or 0:+.1f} ms"
    )
    late = ", ".join(
        f"{name} {'-' if value is None else f'{value:.1f}'} ms"
        for name, value in result.lateness_ms.items()
    )
    ended = f"{calls.ok:,} ok, {calls.fail:,} failed, {calls.unknown:,} unknown"
    merged = [
        ("Merged", f"{source.run_id}, {source.calls:,} calls; {sentences.placed(offset)}")
        for source, offset in zip(result.sources, offsets(result.sources), strict=True)
    ]
    kind = account.endpoint_type(run)
    return [
        ("Run", run.run_id),
        *merged,
        ("Target", f"{run.target}, {run.endpoint}".rstrip(", ")),
        *([] if kind is None else [("Endpoint type", kind)]),
        ("Deployed by", str(run.settings.get("strategy", "not recorded"))),
        ("Load", sentences.load(run)),
        ("Calls", f"{calls.total:,}: {ended}"),
        ("Clock", skew),
        ("Lateness", f"{late}; {result.dropped:,} planned calls never sent"),
        ("Tools", ", ".join(f"{name} {version}" for name, version in run.tools.items()) or "-"),
    ]


def simulation(run: Run) -> list[tuple[str, str]]:
    """Return what stood in for what, and what was real, as (name, value)."""
    if run.target != "local":
        where = "AWS" if run.target == "aws" else "the end point named here"
        return [("Simulated", f"Nothing by poster: the calls went to {where}.")]
    lag = sentences.simulated_lag(run)
    propagation = run.settings.get("propagation")
    details = propagation if isinstance(propagation, dict) else {}
    return [
        ("Emulated", "AWS itself: API, functions, alias and table of a local emulator."),
        (
            "Simulated",
            "Nothing: the emulator moves the alias in an instant."
            if lag is None
            else "Propagation: how long each front end keeps the old version, by the model"
            f" \u201c{lag}\u201d with seed {details.get('seed', '-')}.",
        ),
        ("Faults set on", str(details.get("faults") or "none")),
        (
            "Real",
            "The calls, their times and outcomes; the function's code; the rows in the table; the"
            " deployer's steps.",
        ),
        ("Not shown", "How long a region of AWS takes, and how fast it answers."),
    ]


def _seconds(value: float) -> str:
    return f"{value:.3f} s"


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.0%} to {interval[1]:.0%}"


def _quantiles(values: Quantiles) -> list[str]:
    return ["-" if value is None else f"{value:,.1f}" for value in values.values()]
