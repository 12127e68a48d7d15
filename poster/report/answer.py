"""The answer in five lines, for the end of a terminal: what is not in them is in report.txt."""

from __future__ import annotations

from poster.judge.analysis import Result
from poster.judge.releases import name_of
from poster.judge.safe import safe_in_all
from poster.judge.statistics import CONFIDENCE
from poster.report.plain import WIDTH, clipped, plain
from poster.report.sentences import headline, safe_line, safe_when

_LABEL = 8
_MOST = 4 * WIDTH  # a terminal breaks a long line itself; a reason that is cut says nothing


def answer(result: Result, page: str, following: str) -> str:
    """Return verdict, safe after, worst window, failures and losses, and where to go on.

    ``page`` is where the whole report is, ``following`` the command to type next.
    """
    rows = [
        ("Verdict", headline(result)),
        ("Safe", _safe(result)),
        ("Window", _worst_window(result)),
        ("Calls", _failures_and_losses(result)),
        ("Next", f"{page}; {following}"),
    ]
    *said, onwards = [f"{label:<{_LABEL}}{plain(each)}" for label, each in rows]
    # What is to be opened or pasted is never cut.
    return "".join(f"{line}\n" for line in (*(clipped(each, _MOST) for each in said), onwards))


def _safe(result: Result) -> str:
    safe, deploys = safe_in_all(result.safe), len(result.transitions)
    if safe.s is None:
        return safe_line(result)
    slowest = f", slowest of {deploys}" if deploys > 1 else ""
    sure = f"{CONFIDENCE:.0%} confidence" if safe.confidence else "if each call landed anew"
    when = f"from {safe_when(safe)}{slowest} ({sure})"
    return f"never: harm was done; no old code {when}" if result.verdict == "broken" else when


def _worst_window(result: Result) -> str:
    if not result.transitions:
        return "no new release was seen to take over"
    worst = max(result.transitions, key=lambda each: each.window_s)
    if worst.window_s == 0:
        return "0 s: no old answer after a new one, in any deploy"
    return (
        f"{worst.window_s:.3f} s of old and new at once, worst of {len(result.transitions)}:"
        f" {name_of(worst.start)} to {name_of(worst.to)}"
    )


def _failures_and_losses(result: Result) -> str:
    calls = result.calls
    said = f"{calls.total}: {calls.fail} failed, {calls.unknown} of unknown outcome"
    if result.checks.rows_read is None:
        return f"{said}; nobody looked for lost writes"
    lost = result.checks["lost_writes"].count
    return f"{said}; {lost} acknowledged writes lost"
