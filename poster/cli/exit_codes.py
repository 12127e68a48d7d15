"""The exit codes of every command; help and ``docs/pipelines.md`` show them from here."""

from __future__ import annotations

from poster.errors import ACTION_FAILED as ACTION_FAILED
from poster.errors import BROKEN as BROKEN
from poster.errors import DEPLOY_FAILED as DEPLOY_FAILED
from poster.errors import ERROR as ERROR
from poster.errors import FAILED as FAILED
from poster.errors import INTERRUPTED as INTERRUPTED
from poster.errors import NO_ANSWER as NO_ANSWER
from poster.errors import NO_PERMISSION as NO_PERMISSION
from poster.errors import NO_VERSION as NO_VERSION
from poster.errors import NOT_THERE as NOT_THERE
from poster.errors import NOTHING_NEW as NOTHING_NEW
from poster.errors import OK as OK
from poster.errors import SUPERSEDED as SUPERSEDED
from poster.errors import TIMED_OUT as TIMED_OUT
from poster.errors import UNKNOWN as UNKNOWN
from poster.errors import USAGE as USAGE

MEANINGS = {
    OK: "done; of a report with budgets: all are kept",
    FAILED: "done, and the answer is bad: calls failed, writes were lost, a budget is exceeded",
    USAGE: "the command line or its input makes no sense, or no region is set",
    UNKNOWN: "the rows cannot tell; that is never a pass",
    DEPLOY_FAILED: "a build or deploy failed; the history says where",
    ERROR: "what was asked for could not be done; the sentence says why",
    TIMED_OUT: "wait: the new version did not come, or callers do not surely get it",
    SUPERSEDED: "wait: the alias moved on to another version",
    NOT_THERE: "AWS has no such stack, function, alias or distribution",
    NO_PERMISSION: "AWS refuses, or there are no credentials",
    NO_ANSWER: "no call was answered ok; of a run around a deploy: nothing was deployed",
    NO_VERSION: "wait: answers do not say which version they are from",
    ACTION_FAILED: "wait: callers get the new version, but what was to follow was not done",
    BROKEN: "wait: too many probes failed, or were too slow",
    NOTHING_NEW: "wait: nothing new was published, and --require-new was given",
    INTERRUPTED: "Ctrl-C; what was written stays readable",
}


def epilog(*codes: int) -> str:
    """Return the codes for the end of a command's help."""
    lines = [f"  {code:>3}  {MEANINGS[code]}" for code in codes]
    return "\n".join(["\b", "Exit codes:", *lines])
