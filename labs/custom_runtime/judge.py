"""The lab of the missing loop: what three custom runtimes look like from the caller's side.

A *variant* is a bootstrap: whole, loopless, hardened. A *host* runs it: AWS's Runtime Interface
Emulator, MiniStack, Lambda. Every call is an observation, with the variant as its marker; how many
processes answered is how many instance ids there are.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import polars as pl

from labs.kit.invoking import Invoke, Reply, error_in, in_turn
from labs.kit.table import Table
from poster.calls.request import TODO_REQUEST
from poster.judge.statistics import quantiles_ms
from poster.report.plain import clipped
from poster.rows import loading
from poster.rows.clock import RunClock
from poster.rows.history import History
from poster.rows.journal import HISTORY, Journal
from poster.rows.record import Run, TargetName
from poster.rows.tools import tool_versions

VARIANTS = ("whole", "loopless", "hardened")
FUNCTIONS = {
    "whole": "WholeFunction",
    "loopless": "LooplessFunction",
    "hardened": "HardenedFunction",
}
WITHOUT_HANDLER = {
    "whole": "WholeWithoutHandlerFunction",
    "hardened": "HardenedWithoutHandlerFunction",
}
FAILING_EVENT = json.dumps({"todoId": "t01-0001", "title": "fail"}).encode()
NONE = "-"
# How RIE, MiniStack and Lambda (today, and in 2018) begin to say why an invocation failed.
_TROUBLE = re.compile(
    r"error=(?P<rie>.+?)(?: InvokeID=.*)?$|Error: (?P<now>.+)|(?P<then>Process exited before.+)",
    re.MULTILINE,
)
_PATH = re.compile(r"/\S+/")
_MAX_SAID = 110
# What was found on AWS in 2018, when custom runtimes were new, for the variant without its loop.
PUBLISHED = (
    *("loopless", "AWS, published 2018", "right", "200", "Unhandled, and one error counted"),
    *("Process exited before completing request", NONE, NONE, NONE),
)


class Host(Protocol):
    """Something that runs a function's bootstrap."""

    name: str
    target: TargetName

    def opened(self, function: str) -> AbstractContextManager[Invoke]:
        """Return what invokes the function of that name, with nothing running before."""


@dataclasses.dataclass(frozen=True, slots=True)
class Failures:
    """What a caller gets when the code fails, and whether the process lives on."""

    handler: Reply
    lives_on: bool | None  # None: the calls around it were not answered
    init: Reply | None


@dataclasses.dataclass(frozen=True, slots=True)
class Sampled:
    """One variant on one host."""

    host: str
    variant: str
    history: History
    log_line: str
    failures: Failures


def measure(hosts: Sequence[Host], calls: int, directory: Path) -> Iterator[Sampled]:
    """Call every variant on every host; each leaves a history in a folder of its own.

    Raises what the host raises, and JournalError.
    """
    for host in hosts:
        for variant in VARIANTS:
            folder = directory / re.sub(r"\W+", "-", f"{host.name}-{variant}").lower()
            with host.opened(FUNCTIONS[variant]) as invoke:
                log_line = _record(invoke, host, variant, calls, folder)
            yield Sampled(host.name, variant, loading.load(folder), log_line, _fail(host, variant))


def _record(invoke: Invoke, host: Host, variant: str, calls: int, folder: Path) -> str:
    """Write the history of the calls; return the first log line that tells of trouble."""
    clock = RunClock()
    run = Run(
        run_id=folder.name,
        origin_unix_ns=clock.origin_unix_ns,
        target=host.target,
        endpoint=f"{host.name}: {FUNCTIONS[variant]}",
        loop="closed",
        posters=1,
        pause_s=0.0,
        settings={"releases": [{"marker": variant, "config_marker": None}]},
        tools=tool_versions(),
    )
    folder.mkdir(parents=True)
    told = NONE
    with Journal(folder / HISTORY, run) as journal:
        for row, reply in in_turn(invoke, _event, calls, clock):
            journal.write(row)
            told = trouble_in(reply.log) if told == NONE else told
    return told


def _event(called: str) -> bytes:
    return TODO_REQUEST.body_for(called) or b""


def _fail(host: Host, variant: str) -> Failures:
    with host.opened(FUNCTIONS[variant]) as invoke:
        before, failed, after = (
            invoke(event) for event in (_event("t01-0001"), FAILING_EVENT, _event("t01-0002"))
        )
    init = None
    if variant in WITHOUT_HANDLER:
        with host.opened(WITHOUT_HANDLER[variant]) as invoke:
            init = invoke(_event("t01-0001"))
    one, other = instance_in(before), instance_in(after)
    return Failures(failed, one == other if one and other else None, init)


def instance_in(reply: Reply) -> str | None:
    """Return the process that a payload names."""
    try:
        said = json.loads(reply.payload)
    except ValueError:
        return None
    instance = said.get("instanceId") if isinstance(said, dict) else None
    return instance if isinstance(instance, str) else None


def trouble_in(log: str) -> str:
    """Return why an invocation failed, as the log's first line on it says; "-" for none."""
    found = _TROUBLE.search(log)
    return NONE if found is None else str(found[found.lastgroup or 0]).strip()


def tables(measured: Sequence[Sampled], published: bool = True) -> list[Table]:
    """Return the lab's two tables: calls that should work, and code that fails."""
    calls = max((each.history.observations.height for each in measured), default=0)
    good = Table(
        f"{calls} calls, one at a time, of a handler that works",
        (
            *("variant", "where", "payload", "status", "error", "log line"),
            *("process reused", "inits per call", "p50 ms"),
        ),
        [_good_row(each) for each in measured] + ([PUBLISHED] if published else []),
    )
    bad = Table(
        "A handler that fails once, and one that cannot be loaded",
        (
            *("variant", "where", "handler fails: the caller gets", "same process afterwards"),
            "init fails: the caller gets",
        ),
        [
            (
                each.variant,
                each.host,
                _said(each.failures.handler),
                _yes(each.failures.lives_on),
                NONE if each.failures.init is None else _said(each.failures.init),
            )
            for each in measured
        ],
    )
    return [good, bad]


def _good_row(each: Sampled) -> tuple[str, ...]:
    rows = each.history.observations
    calls = rows.height
    right = rows.filter(pl.col("marker").cast(pl.String) == each.variant).height
    processes = rows["instance_id"].drop_nulls().n_unique()
    statuses = sorted({str(status) for status in rows["status"].drop_nulls()})
    errors = rows["error"].drop_nulls()
    took = (rows["received_ns"] - rows["sent_ns"]).drop_nulls().to_numpy()
    p50 = quantiles_ms(took, {"p50": 0.5})["p50"]
    return (
        each.variant,
        each.host,
        "right" if right == calls else f"right in {right} of {calls}",
        ", ".join(statuses),
        # A right payload ends with its own "ok", which is no part of the error.
        f"{errors[0].removesuffix(': ok')} ({errors.len()} of {calls})" if errors.len() else "none",
        each.log_line,
        "yes" if processes == 1 else "no" if processes >= calls else f"{processes} processes",
        f"{processes / calls:.3g}",
        NONE if p50 is None else f"{p50:.1f}",
    )


def _said(reply: Reply) -> str:
    kind, message = error_in(reply.payload) or ("", reply.payload.decode(errors="replace"))
    told = re.sub(r"^RequestId: \S+ (Error: )?", "", message or "") or "no body"
    parts = [str(reply.status), reply.function_error or "", kind, _PATH.sub("", told)]
    return clipped(", ".join(part for part in parts if part), _MAX_SAID)


def _yes(lives_on: bool | None) -> str:
    return NONE if lives_on is None else "yes" if lives_on else "no"


def faults_in(measured: Sequence[Sampled], is_rie: Callable[[str], bool]) -> list[str]:
    """Return what contradicts the lab's finding, a sentence each; none on a good run.

    The missing loop's error is asked of AWS's own emulator alone: MiniStack does not report it.
    """
    found = []
    for each in measured:
        rows = each.history.observations
        answered = rows.filter(pl.col("outcome") == "ok").height
        processes = rows["instance_id"].drop_nulls().n_unique()
        where = f"{each.variant} on {each.host}"
        # Lambda never promises to use an environment again; the hosts here do.
        is_on_aws = each.history.run.target == "aws"
        is_reused = processes == 1 or is_on_aws
        if each.variant != "loopless" and (answered < rows.height or not is_reused):
            found.append(
                f"{where}: {answered} of {rows.height} calls ok, by {processes} processes;"
                " want all, by one"
            )
        if each.variant == "loopless" and is_rie(each.host) and answered:
            found.append(f"{where}: {answered} calls ok; want none")
        if each.variant == "hardened" and not each.failures.lives_on and not is_on_aws:
            found.append(f"{where}: the process did not outlive a handler's failure")
    return found
