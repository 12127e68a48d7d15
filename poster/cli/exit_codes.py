"""The exit codes of every command; help and ``docs/pipelines.md`` show them from here."""

from __future__ import annotations

OK = 0
FAILED = 1
USAGE = 2
UNKNOWN = 3
DEPLOY_FAILED = 4
ERROR = 5
TIMED_OUT = 6
SUPERSEDED = 7
NOT_THERE = 8
NO_PERMISSION = 9
NO_ANSWER = 10
NO_VERSION = 11
ACTION_FAILED = 12
INTERRUPTED = 130

MEANINGS = {
    OK: "done; of a report with budgets: all are kept",
    FAILED: "done, and the answer is bad: calls failed, writes were lost, a budget is exceeded",
    USAGE: "the command line or its input makes no sense",
    UNKNOWN: "the rows cannot tell; that is never a pass",
    DEPLOY_FAILED: "a build or deploy failed; the history says where",
    ERROR: "what was asked for could not be done; the sentence says why",
    TIMED_OUT: "wait: the new version did not come, or callers do not surely get it",
    SUPERSEDED: "wait: the alias moved on to another version",
    NOT_THERE: "wait: there is no such stack, function or alias",
    NO_PERMISSION: "wait: AWS refuses, or there are no credentials",
    NO_ANSWER: "wait: an endpoint never answered",
    NO_VERSION: "wait: answers do not say which version they are from",
    ACTION_FAILED: "wait: callers get the new version, but what was to follow was not done",
    INTERRUPTED: "Ctrl-C; what was written stays readable",
}


def epilog(*codes: int) -> str:
    """Return the codes for the end of a command's help."""
    lines = [f"  {code:>3}  {MEANINGS[code]}" for code in codes]
    return "\n".join(["\b", "Exit codes:", *lines])
