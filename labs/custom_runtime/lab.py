"""``python -m labs runtime``: what happens when a custom runtime has no loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from labs.custom_runtime.hosts import LambdaHost
from labs.custom_runtime.judge import Host, faults_in, measure, tables
from labs.kit.direct import DirectTarget
from labs.kit.invoking import Invoke, Reply
from labs.kit.rie import Rie, rie_of
from labs.kit.workbench import Bench, Lab, LabOptions, bench, end_badly, lab_options, show
from poster.rows.record import TargetName

LAB = Lab(
    "runtime",
    "custom_runtime",
    ("Makefile", "handler.sh", "whole", "loopless", "hardened"),
    usd=0.02,
)
RIE_NAME = "RIE, local"


class RieHost:
    """AWS's Runtime Interface Emulator, on what ``sam build`` made."""

    name = RIE_NAME
    target: TargetName = "local"

    def __init__(self, binary: Path, built: Path) -> None:
        self._binary = binary
        self._built = built

    @contextmanager
    def opened(self, function: str) -> Iterator[Invoke]:
        """See Host."""
        handler = "missing.handler" if "WithoutHandler" in function else "handler.handler"
        with Rie(self._binary, (self._built / function).absolute(), handler) as rie:

            def invoke(event: bytes) -> Reply:
                status, body, log = rie.invoke(event)
                return Reply(status, body, None, log)

            yield invoke


@click.command("runtime")
@click.option(
    "--calls",
    type=click.IntRange(2, 10_000),
    default=200,
    show_default=True,
    help="Of each variant on each host.",
)
@lab_options
def runtime(calls: int, **given: Any) -> None:
    """Call a custom runtime with its loop, one without, and a hardened one.

    Locally on AWS's Runtime Interface Emulator and on MiniStack, which do not agree on the missing
    loop.
    """
    options = LabOptions(**given)
    with bench(LAB, options, DirectTarget) as on:
        on.narrator.phase("building and deploying the runtimes")
        on.sam_run("build")
        on.sam_run("deploy", "--stack-name", LAB.stack_name, "--no-confirm-changeset")
        on.narrator.phase(f"calling each {calls} times")
        measured = list(measure(_hosts(on), calls, on.directory))
        show(LAB, options, on.directory, tables(measured))
        faults = faults_in(measured, is_rie=lambda host: host == RIE_NAME)
    if faults:
        end_badly(faults)


def _hosts(on: Bench) -> list[Host]:
    functions = on.stack.output_values()
    if not on.is_local:
        return [LambdaHost("AWS", "aws", on.target.caller_client, functions)]
    built = on.application.path / ".aws-sam" / "build"
    return [
        RieHost(rie_of(on.sam_path), built),
        LambdaHost("MiniStack, local", "local", on.target.caller_client, functions),
    ]
