"""What every report says of a result in the same words: verdict, safe after, bounds. Pure.

Sentences and clauses, not yet made plain: a report that prints them does that.
"""

from __future__ import annotations

import math

from poster.judge.analysis import Result
from poster.judge.checks import Checks
from poster.judge.safe import Safe, safe_in_all
from poster.judge.side_by_side import Side
from poster.judge.statistics import ANYTHING, CONFIDENCE, STALE_PERCENT
from poster.judge.transition import Transition
from poster.rows.merge import Offset
from poster.rows.record import Run

_AFTER = {
    "deploy-finished": "the deploy command ended",
    "alias-updated": "the alias moved",
    "first-new": "the first new answer",
}


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


def safe_when(safe: Safe) -> str:
    """Return the moment from which it is safe; never earlier than it is, so rounded up."""
    assert safe.s is not None
    assert safe.after is not None
    return f"{math.ceil(safe.s * 10) / 10:.1f} s after {_AFTER[safe.after]}"


def _supposing(confidence: float | None) -> str:
    """Return what a bound supposes that nothing in the rows shows."""
    return "" if confidence else " if each call landed anew, which nothing shows"


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


def bounded(interval: tuple[float, float]) -> str:
    """Return the interval of a share in brackets; nothing where the calls bound nothing."""
    low, high = interval
    return "" if interval == ANYTHING else f" ({low:.0%} to {high:.0%})"


def side(found: Side) -> str:
    """Return latency and failures of one release while both answered."""
    low, high = found.fail_ci
    shown = ", ".join(
        f"{quantile} {number(value)} ({number(lower)} to {number(upper)})"
        for quantile, (value, lower, upper) in found.latency_ms.items()
    )
    calls = found.ok + found.fail
    return f"{shown}; {found.fail} of {calls} failed ({low:.0%} to {high:.0%})"


def open_or_seconds(at_s: float | None) -> str:
    """Return an upper bound of an outage, which may have none."""
    return "open" if at_s is None else f"{at_s:.3f} s"


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


def store_read(checks: Checks) -> str:
    """Return what the checks that need the store rest on."""
    if checks.rows_read is None:
        return "no rows.jsonl: what needs the store was not checked"
    return f"{checks.rows_read} rows read from the store"


def number(value: float | None) -> str:
    """Return a number of milliseconds; a dash where there is none."""
    return "-" if value is None else f"{value:.1f}"
