"""The report for people: 80 columns, the answer first.

The same text goes to the terminal and to ``report.txt``; colour is added by the command, if at
all. Everything from the history passes ``plain``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from poster.judge.analysis import Result
from poster.judge.checks import Checks
from poster.judge.phases import Quantiles
from poster.judge.releases import name_of
from poster.judge.safe import Safe
from poster.judge.stages import Stage
from poster.judge.transition import Transition
from poster.report import account, sentences
from poster.report.excerpt import excerpt
from poster.report.plain import WIDTH, clipped, plain, wrapped
from poster.rows.by_logs import VERSIONS_FROM
from poster.rows.history import History
from poster.rows.merge import offsets
from poster.rows.record import Run, Step, StepName

MOST_EXCERPT_ROWS = 60
LABEL = 16


def render(result: Result, history: History) -> str:
    """Return the whole report, with a final newline."""
    lines = [
        *wrapped(plain(sentences.safe_line(result))),
        *wrapped(plain(sentences.headline(result))),
        "",
    ]
    lines += _run_lines(result)
    lines += ["", *_release_lines(result)]
    judged = zip(result.transitions, result.safe, strict=True)
    for number, (transition, safe) in enumerate(judged, start=1):
        lines += ["", *_deploy_lines(number, transition, safe)]
        lines += _gate_lines(transition, result.steps)
        lines += [
            "",
            *(f"  {line}" for line in excerpt(history, transition).lines(MOST_EXCERPT_ROWS)),
        ]
    for move in result.unseen:
        lines += ["", f"deploy not seen: {plain(move.start)} -> {plain(move.to)}"]
    lines += ["", *_check_lines(result.checks)]
    if result.account is not None:
        lines += ["", account.TITLE]
        lines += [_row(f"  {name}", plain(said)) for name, said in account.facts(result.account)]
    return "\n".join(clipped(line) for line in "\n".join(lines).split("\n")) + "\n"


def _run_lines(result: Result) -> Iterator[str]:
    run, calls, clock = result.run, result.calls, result.clock
    yield _row("run", f"{plain(run.run_id)}, {run.target}, {plain(run.endpoint)}".rstrip(", "))
    endpoint_type = account.endpoint_type(run)
    if endpoint_type is not None:
        yield _row("endpoint type", plain(endpoint_type))
    yield _row("load", sentences.load(run))
    yield from _propagation(run)
    yield from _source_lines(result)
    yield _row(
        "calls",
        f"{calls.total}: {calls.ok} ok, {calls.fail} failed, {calls.unknown} unknown"
        + (f"; {calls.probes} of them probes" if calls.probes else ""),
    )
    if VERSIONS_FROM in run.settings:
        yield _row("versions", f"where answers name none: from {run.settings[VERSIONS_FROM]}")
    if clock.skew_ms is None or clock.error_ms is None:
        yield _row("clock", "answers carry no server time: ordered by their arrival")
    else:
        yield _row(
            "clock",
            f"server's minus ours {clock.skew_ms:+.1f} ms, give or take {clock.error_ms:.1f} ms,"
            f" drift {clock.drift_ms or 0:+.1f} ms",
        )
    lateness = result.lateness_ms
    late = ", ".join(f"{name} {sentences.number(value)}" for name, value in lateness.items())
    yield _row("lateness ms", f"{late}; {result.dropped} planned calls never sent")


def _propagation(run: Run) -> Iterator[str]:
    lag = sentences.simulated_lag(run)
    if lag is not None:
        yield _row("propagation", f"simulated propagation: {plain(lag)}")
    elif run.target == "local":
        yield _row(
            "propagation",
            "none: the local emulator moves the alias in an instant, so a local run shows a"
            " clean cut",
        )


def _source_lines(result: Result) -> Iterator[str]:
    if not result.sources:
        return
    yield _row(
        "merged",
        f"{len(result.sources)} histories; calls are numbered anew, in the order of sending",
    )
    for number, (source, offset) in enumerate(
        zip(result.sources, offsets(result.sources), strict=True), start=1
    ):
        yield _row(
            f"  run {number}",
            f"{plain(source.run_id)}, {source.calls} calls; {sentences.placed(offset)}",
        )
    if result.shared_todos:
        yield _row(
            "  todo ids",
            f"{result.shared_todos} were called by several runs: the store cannot tell their"
            " rows apart (poster run --first-poster)",
        )


def _release_lines(result: Result) -> Iterator[str]:
    yield f"{'release':<{LABEL}} {'marker':<16} {'ok':>9}  execution environments"
    for release in result.releases:
        name, marker = plain(release.release), plain(release.marker or "-")
        yield (
            f"{clipped(name, LABEL):<{LABEL}} {clipped(marker, 16):<16} {release.ok:>9}"
            f"  {release.instances}"
        )


def _deploy_lines(number: int, transition: Transition, safe: Safe) -> Iterator[str]:
    start, to = plain(name_of(transition.start)), plain(name_of(transition.to))
    yield f"deploy {number}: {start} -> {to}"
    yield _row("  safe", safe.reason if safe.s is None else f"from {sentences.safe_when(safe)}")
    yield _row("  calls", f"{transition.calls_ok} ok, {transition.calls_ng} not ok")
    if transition.switch_ns is not None:
        yield _row("  switch", f"at {_seconds(transition.switch_ns)} of the run")
    yield from _stage_lines(transition.stages)
    yield _row(
        "  first new", _moment(transition, transition.first_new_seq, transition.first_new_ns)
    )
    yield _row("  last old", _moment(transition, transition.last_old_seq, transition.last_old_ns))
    yield _row(
        "  mixing window",
        f"{transition.window_s:.3f} s; certain whatever the clocks say: "
        f"{transition.certain_window_s:.3f} s",
    )
    yield _row("  stale answers", _stale(transition))
    yield _row("  inversions", f"{transition.inversions} (one poster got new code, then old again)")
    yield _row("  settled", sentences.settled(transition))
    yield _row("  each call", transition.landing.sentence)
    yield _row(
        "  errors",
        f"{transition.fail} failed, {transition.unknown} unknown until settled;"
        f" {transition.cold_starts} cold starts",
    )
    yield from _outage_lines(transition)
    yield _row("  latency ms", "".join(f"{name:>10}" for name in ("p50", "p90", "p99", "max")))
    for phase, quantiles in transition.latency_ms.items():
        yield _row(f"    {phase}", _quantiles(quantiles))
    yield from _side_lines(transition)


def _outage_lines(transition: Transition) -> Iterator[str]:
    for label, outage in (
        ("  outage", transition.outage),
        ("   of one poster", transition.poster_outage),
    ):
        if outage is not None:
            upper = sentences.open_or_seconds(outage.upper_s)
            yield _row(
                label,
                f"{outage.s:.3f} s without an ok answer ({outage.lower_s:.3f} to {upper}),"
                f" calls {outage.first_seq} to {outage.last_seq}",
            )


def _side_lines(transition: Transition) -> Iterator[str]:
    both = transition.side_by_side
    if both is None:
        return
    for name, each in (("old", both.old), ("new", both.new)):
        yield _row(f"  {name} meanwhile", sentences.side(each))


def _gate_lines(transition: Transition, steps: list[Step]) -> Iterator[str]:
    """Say when the gate let go on, and how long that was after the true settling."""
    phase = transition.phase
    for step in steps:
        is_later = step.at_ns >= phase.zero_ns
        if step.name != StepName.GATE_PASSED or not is_later:
            continue
        if phase.next_deploy_ns is not None and step.at_ns >= phase.next_deploy_ns:
            continue
        said = f"+{_seconds(step.at_ns - phase.zero_ns)} from the switch"
        settled_ns = step.detail.get("settled_ns")
        if isinstance(settled_ns, int):
            after = (step.at_ns - settled_ns) / 1e9
            said += f"; {after:+.3f} s from when the last front end let go of old code (simulated)"
        yield _row("  gate passed", said)


def _stage_lines(stages: list[Stage]) -> Iterator[str]:
    for stage in stages:
        held = " s on" if stage.to_s is None else f" to {stage.to_s:.1f} s"
        yield _row(
            f"  stage {stage.weight:.0%}",
            f"from {stage.from_s:.1f}{held}, {stage.stale} of {stage.answered} stale"
            f"{sentences.bounded(stage.stale_ci)}",
        )


def _moment(transition: Transition, seq: int, at_ns: int) -> str:
    text = f"call {seq} at {_seconds(at_ns)}"
    if transition.switch_ns is None:
        return text
    return f"{text}, {(at_ns - transition.switch_ns) / 1e9:+.3f} s from the switch"


def _stale(transition: Transition) -> str:
    if transition.answered == 0:
        return "0"
    said = f"{transition.stale} of {transition.answered} from first new to last old"
    return said + sentences.bounded(transition.stale_ci)


def _quantiles(quantiles: Quantiles) -> str:
    return "".join(f"{sentences.number(value):>10}" for value in quantiles.values())


def _check_lines(checks: Checks) -> Iterator[str]:
    made = list(checks.made())
    found = [(check, finding) for check, finding in made if finding.count]
    yield f"checks ({sentences.store_read(checks)})"
    yield f"  {len(made) - len(found)} of {len(made)} found nothing"
    for check, finding in found:
        yield f"  {check.title:<26}{finding.count}"
        for witness in finding.witnesses:
            yield f"      {plain(witness)}"


def _row(label: str, text: str) -> str:
    width = WIDTH - LABEL - 1
    lines = [text] if len(text) <= width else textwrap.wrap(text, width)
    return "\n".join(
        f"{label if place == 0 else '':<{LABEL}} {line}".rstrip()
        for place, line in enumerate(lines)
    )


def _seconds(at_ns: int) -> str:
    return f"{at_ns / 1e9:.3f} s"
