"""The report for people: 80 columns, the answer first.

The same text goes to the terminal and to ``report.txt``; colour is added by the command, if at
all. Everything from the history passes ``plain``.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from poster.judge.analysis import Result
from poster.judge.checks import Checks
from poster.judge.phases import Quantiles
from poster.judge.releases import name_of
from poster.judge.safe import Safe, safe_in_all
from poster.judge.side_by_side import Side
from poster.judge.stages import Stage
from poster.judge.statistics import ANYTHING, CONFIDENCE, STALE_PERCENT
from poster.judge.transition import Transition
from poster.report import account
from poster.report.excerpt import excerpt
from poster.report.plain import WIDTH, clipped, plain, wrapped
from poster.rows.by_logs import VERSIONS_FROM
from poster.rows.history import History
from poster.rows.merge import Offset, offsets
from poster.rows.record import Run, Step, StepName

MOST_EXCERPT_ROWS = 60
LABEL = 16
_AFTER = {
    "deploy-finished": "the deploy command ended",
    "alias-updated": "the alias moved",
    "first-new": "the first new answer",
}


def render(result: Result, history: History) -> str:
    """Return the whole report, with a final newline."""
    lines = [*wrapped(plain(safe_line(result))), *wrapped(plain(headline(result))), ""]
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


def safe_line(result: Result) -> str:
    """Return from when it is safe to act on the deploy, one sentence, not yet made plain."""
    safe, deploys = safe_in_all(result.safe), len(result.transitions)
    if safe.s is None:
        left_open = sum(each.s is None for each in result.safe)
        which = f" for {left_open} of {deploys} deploys" if deploys > 1 else ""
        return f"From when it is safe cannot be said{which}: {safe.reason}."
    slowest = f" in the slowest of {deploys} deploys" if deploys > 1 else ""
    when = f"from {safe_when(safe)}{slowest}"
    sure = f"{CONFIDENCE:.0%} confidence{_supposing(safe.confidence)}"
    if result.verdict == "broken":
        return f"Old code is gone {when} ({sure}), but the deploy did harm."
    return f"Safe {when} ({sure}: under {STALE_PERCENT} of the calls get old code)."


def _supposing(confidence: float | None) -> str:
    """Return what a bound supposes that nothing in the rows shows."""
    return "" if confidence else " if each call landed anew, which nothing shows"


def safe_when(safe: Safe) -> str:
    """Return the moment from which it is safe; never earlier than it is, so rounded up."""
    assert safe.s is not None
    assert safe.after is not None
    return f"{math.ceil(safe.s * 10) / 10:.1f} s after {_AFTER[safe.after]}"


def headline(result: Result) -> str:
    """Return the verdict in one sentence, not yet made plain."""
    deploys = len(result.transitions)
    if result.verdict == "clean":
        return (
            f"Clean: no caller got old code after new code{_in_deploys(deploys, deploys)}"
            f"{_failures(result) or ', and no call failed'}."
        )
    if result.verdict == "mixed":
        mixed = [transition for transition in result.transitions if transition.overlap]
        if not mixed:
            return f"Mixed{_beside(result)}: callers got code and settings of two releases at once."
        longest = max(transition.window_s for transition in mixed)
        return (
            f"Mixed{_beside(result)}: callers got old and new code for up to {longest:.3f} s"
            f"{_in_deploys(len(mixed), deploys)}; {result.witness}."
        )
    if result.verdict == "broken":
        return f"Broken{_beside(result, failures=False)}: {result.witness}."
    return f"Unknown{_beside(result)}, the rows cannot tell: {result.witness}."


def _beside(result: Result, failures: bool = True) -> str:
    """Return what else must not be overlooked."""
    found = result.checks["chimeras"]
    calls = "1 chimera" if found.count == 1 else f"{found.count} chimeras"
    said = f", with {calls} ({found.witnesses[0]})" if found.count else ""
    return said + (_failures(result) if failures else "")


def _failures(result: Result) -> str:
    """Return how many calls failed in the whole run, a clause of its own; empty if none did."""
    calls = result.calls
    if calls.fail == 0:
        return ""
    throttled = f", {calls.throttled} of them throttled" if calls.throttled else ""
    beyond = "" if result.verdict != "clean" else "; no more often than before while it took over"
    return f", but {calls.fail} of {calls.total} calls failed{throttled}{beyond}"


def _in_deploys(some: int, deploys: int) -> str:
    if deploys == 1:
        return ""
    if some == deploys:
        return " in both deploys" if deploys == 2 else f" in all {deploys} deploys"
    return f" in {some} of {deploys} deploys"


def _run_lines(result: Result) -> Iterator[str]:
    run, calls, clock = result.run, result.calls, result.clock
    yield _row("run", f"{plain(run.run_id)}, {run.target}, {plain(run.endpoint)}".rstrip(", "))
    endpoint_type = account.endpoint_type(run)
    if endpoint_type is not None:
        yield _row("endpoint type", plain(endpoint_type))
    yield _row("load", load(run))
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
    late = ", ".join(f"{name} {_number(value)}" for name, value in lateness.items())
    yield _row("lateness ms", f"{late}; {result.dropped} planned calls never sent")


def load(run: Run) -> str:
    """Return how the calls were made."""
    posters = f"{run.posters} poster{'s' if run.posters != 1 else ''}"
    if run.loop == "open":
        rate = "" if run.rate_per_s is None else f", {run.rate_per_s:g} calls/s"
        return f"open loop{rate}, {posters}"
    pause = "" if run.pause_s is None else f", pause {run.pause_s:g} s"
    probers = run.settings.get("probers")
    beside = f"; {probers} probers beside them" if isinstance(probers, int) and probers else ""
    return f"closed loop, {posters}{pause}{beside}"


def _propagation(run: Run) -> Iterator[str]:
    lag = simulated_lag(run)
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
            f"  run {number}", f"{plain(source.run_id)}, {source.calls} calls; {placed(offset)}"
        )
    if result.shared_todos:
        yield _row(
            "  todo ids",
            f"{result.shared_todos} were called by several runs: the store cannot tell their"
            " rows apart (poster run --first-poster)",
        )


def placed(offset: Offset | None) -> str:
    """Return how the clock of a merged history relates to the reference's."""
    if offset is None:
        return "no server time in its answers: placed by its wall clock, error unknown"
    if offset.error_ms == 0:
        return "times are on its clock"
    return f"its clock {offset.offset_ms:+.1f} ms, give or take {offset.error_ms:.1f} ms"


def simulated_lag(run: Run) -> str | None:
    """Return the name of the propagation model that stood in for AWS, None if none did."""
    propagation = run.settings.get("propagation")
    if isinstance(propagation, dict) and propagation.get("simulated"):
        return str(propagation.get("lag", "unnamed"))
    return None


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
    yield _row("  safe", safe.reason if safe.s is None else f"from {safe_when(safe)}")
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
    yield _row("  settled", settled(transition))
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
            upper = open_or_seconds(outage.upper_s)
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
        yield _row(f"  {name} meanwhile", side(each))


def side(found: Side) -> str:
    """Return latency and failures of one release while both answered."""
    low, high = found.fail_ci
    shown = ", ".join(
        f"{quantile} {_number(value)} ({_number(lower)} to {_number(upper)})"
        for quantile, (value, lower, upper) in found.latency_ms.items()
    )
    calls = found.ok + found.fail
    return f"{shown}; {found.fail} of {calls} failed ({low:.0%} to {high:.0%})"


def open_or_seconds(at_s: float | None) -> str:
    """Return an upper bound of an outage, which may have none."""
    return "open" if at_s is None else f"{at_s:.3f} s"


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
            f"{bounded(stage.stale_ci)}",
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
    return said + bounded(transition.stale_ci)


def bounded(interval: tuple[float, float]) -> str:
    """Return the interval of a share in brackets; nothing where the calls bound nothing."""
    low, high = interval
    return "" if interval == ANYTHING else f" ({low:.0%} to {high:.0%})"


def settled(transition: Transition) -> str:
    """Return by when fewer than 1 % of the calls were stale."""
    since = "the switch" if transition.switch_ns is not None else "first new"
    lower, upper = transition.settled.lower_s, transition.settled.upper_s
    last = f"last old answer seen {lower:.1f} s after {since}" if lower else "no old answer since"
    if upper is not None:
        by = f"under {STALE_PERCENT} stale {upper:.1f} s after {since}"
        supposing = _supposing(transition.landing.confidence)
        return f"{by} ({CONFIDENCE:.0%}{supposing}); {last}"
    missing = "the calls say too little" if transition.over_ns else "too few calls followed"
    return f"{last}; {missing} to say by when under {STALE_PERCENT} were stale"


def _quantiles(quantiles: Quantiles) -> str:
    return "".join(f"{_number(value):>10}" for value in quantiles.values())


def _check_lines(checks: Checks) -> Iterator[str]:
    made = list(checks.made())
    found = [(check, finding) for check, finding in made if finding.count]
    yield f"checks ({store_read(checks)})"
    yield f"  {len(made) - len(found)} of {len(made)} found nothing"
    for check, finding in found:
        yield f"  {check.title:<26}{finding.count}"
        for witness in finding.witnesses:
            yield f"      {plain(witness)}"


def store_read(checks: Checks) -> str:
    """Return what the checks that need the store rest on."""
    if checks.rows_read is None:
        return "no rows.jsonl: what needs the store was not checked"
    return f"{checks.rows_read} rows read from the store"


def _row(label: str, text: str) -> str:
    width = WIDTH - LABEL - 1
    lines = [text] if len(text) <= width else textwrap.wrap(text, width)
    return "\n".join(
        f"{label if place == 0 else '':<{LABEL}} {line}".rstrip()
        for place, line in enumerate(lines)
    )


def _seconds(at_ns: int) -> str:
    return f"{at_ns / 1e9:.3f} s"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
