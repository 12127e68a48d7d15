"""``poster run``: call any endpoint, around a deploy; every call becomes a row of a history."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from pathlib import Path
from typing import Any, Literal

import click
import pycurl

from poster.calls.curl_call import Exchange
from poster.calls.engine import CONNECT_TIMEOUT_S, TIMEOUT_S, Load
from poster.calls.request import run_prefix
from poster.calls.schedule import MAX_IN_FLIGHT, PAUSE_S, POSTERS, ClosedLoop, Loop, OpenLoop
from poster.cli import exit_codes
from poster.cli.endpoint import Api, chosen_api, endpoint_options
from poster.cli.exchange import chosen_exchange, exchange_options
from poster.cli.names import FolderType
from poster.cli.numbers import NumberRange
from poster.cli.report_options import Wanted, report_options
from poster.cli.watched import Calling, DeployOptions, deploy_options
from poster.rows.address import shown
from poster.rows.clock import RunClock, boot_id
from poster.rows.journal import HISTORY, Journal, JournalError, new_run_directory, point_latest_at
from poster.rows.record import Run
from poster.rows.tools import tool_versions

# Around a deploy somebody waits for the answer, and it takes some hundred calls.
PAUSE_AROUND_A_DEPLOY_S = 0.1


@dataclasses.dataclass(frozen=True, slots=True)
class RunOptions:
    """The load, as the command line gives it."""

    posters: int | None
    pause: float | None
    rate: float | None
    arrivals: Literal["constant", "poisson"]
    seed: int
    calls: int | None
    max_in_flight: int
    duration: float | None
    first_poster: int
    connect_timeout_s: float
    timeout_s: float

    def load(self, url: str, id_prefix: str, around_a_deploy: bool) -> Load:
        """Return the load. Raises click.UsageError."""
        loop: Loop
        if self.rate is None:
            if self.calls is not None:
                raise click.UsageError("--calls needs --rate")
            pause_s = PAUSE_AROUND_A_DEPLOY_S if around_a_deploy else PAUSE_S
            loop = ClosedLoop(
                POSTERS if self.posters is None else self.posters,
                pause_s if self.pause is None else self.pause,
            )
            numbers = tuple(range(self.first_poster, self.first_poster + loop.posters))
        else:
            if self.posters is not None or self.pause is not None:
                raise click.UsageError(
                    "choose --rate (open loop) or --posters and --pause (closed)"
                )
            loop = OpenLoop(
                self.rate,
                self.arrivals,
                self.seed,
                self.duration,
                self.calls,
                self.max_in_flight,
            )
            numbers = (self.first_poster,)
        return Load(url, numbers, loop, self.connect_timeout_s, self.timeout_s, id_prefix=id_prefix)


class _Around(click.Command):
    """Refuses `--` without a command: a pipeline whose variable is empty would call for ever."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line."""
        if args[-1:] == ["--"]:
            raise click.UsageError(
                "there is no command after `--`; without `--` only calls are made"
            )
        return super().parse_args(ctx, args)


@click.command(
    cls=_Around,
    epilog=exit_codes.epilog(
        exit_codes.OK,
        exit_codes.FAILED,
        exit_codes.USAGE,
        exit_codes.UNKNOWN,
        exit_codes.DEPLOY_FAILED,
        exit_codes.NO_ANSWER,
        exit_codes.INTERRUPTED,
    ),
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@endpoint_options
@deploy_options
@click.option(
    "--posters",
    type=click.IntRange(1, 99),
    help=f"Closed loop: callers at once.  [default: {POSTERS}]",
)
@click.option(
    "--pause",
    type=NumberRange(0, 3600),
    metavar="SECONDS",
    help="Closed loop: from an answer to the same poster's next call."
    f"  [default: {PAUSE_S}, around a deploy {PAUSE_AROUND_A_DEPLOY_S}]",
)
@click.option(
    "--rate",
    type=NumberRange(0, 100_000, min_open=True),
    metavar="PER_SECOND",
    help="Open loop: call at planned instants, whatever has come back.",
)
@click.option(
    "--arrivals",
    type=click.Choice(["constant", "poisson"]),
    default="constant",
    show_default=True,
    help="Open loop: evenly spaced, or at random with that rate.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Open loop: of random arrivals."
)
@click.option("--calls", type=click.IntRange(1), help="Open loop: stop after so many.")
@click.option(
    "--max-in-flight",
    type=click.IntRange(1, 1000),
    default=MAX_IN_FLIGHT,
    show_default=True,
    help="Open loop: what is due beyond it is dropped and counted.",
)
@click.option(
    "--duration",
    type=NumberRange(0, min_open=True),
    metavar="SECONDS",
    help="Stop after this time; without it, Ctrl-C or the end of the deploy stops.",
)
@click.option(
    "--first-poster",
    type=click.IntRange(1, 99),
    default=1,
    show_default=True,
    help="Number of the first poster; give each machine its own.",
)
@exchange_options
@click.option(
    "--connect-timeout",
    "connect_timeout_s",
    type=NumberRange(0, 3600, min_open=True),
    default=CONNECT_TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="To make a connection, TLS included.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=NumberRange(0, 3600, min_open=True),
    default=TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="For the whole call.",
)
@click.option(
    "--out",
    type=FolderType(),
    metavar="DIR",
    help="Directory for the history.  [default: runs/<utc>-run]",
)
@report_options
def run(
    command: tuple[str, ...],
    endpoint: str | None,
    stack_name: str | None,
    path: str,
    region: str | None,
    out: Path | None,
    **given: Any,
) -> None:
    """Call an API and write every call to DIR/history.jsonl.

    With a COMMAND after `--`: call until there is a baseline, run it under the calls, go on until
    callers get only the new release, print the report and end by it. The command gets no input;
    its output goes to the terminal and into DIR/deploy.log.

    Closed loop by default: every poster calls, waits for the answer, pauses, calls again. With
    --rate, open loop: calls are sent at planned instants. No call is ever retried.

    Ctrl-C lets the calls in flight end, then stops; a second one does not wait for them. The
    history is whole either way, for `poster report DIR`. Around a command, Ctrl-C first tells the
    command to stop and waits for it.
    """
    deploy = _part(DeployOptions, given, command=command)
    wanted = Wanted.taken_from(given)
    options = _part(RunOptions, given)
    deploy.check(wanted, has_end=options.duration is not None or options.calls is not None)
    api = chosen_api(endpoint, stack_name, region, path)
    clock = RunClock()
    # A lasting stack keeps the rows of earlier runs: ids of this one's own.
    prefix = "" if api.stack is None else run_prefix(clock.origin_unix_ns)
    load = options.load(api.url, prefix, deploy.is_around)
    given["sign"] = given["sign"] or api.is_signed
    exchange = chosen_exchange(
        load.endpoint,
        region,
        is_todo=api.is_todo,
        around_a_deploy=deploy.is_around,
        **given,
    )
    directory = _directory(out)
    where = _where(api, stack_name, region)
    row = _run_row(directory.name, load, exchange, clock, where)
    with Journal(directory / HISTORY, row) as journal:
        if out is None:
            point_latest_at(directory)
        calling = Calling(load, exchange, clock, journal, options.duration)
        try:
            exit_code = calling.around(deploy, api, region, directory)
        finally:
            # Around a deploy standard output is for the report.
            click.echo(f"{directory / HISTORY}", err=deploy.is_around)
    if deploy.is_around and exit_code != exit_codes.INTERRUPTED:
        exit_code = deploy.judged(directory, wanted, exit_code)
    sys.exit(exit_code)


def _part(kind: Any, given: dict[str, Any], **more: Any) -> Any:
    """Take what the kind has fields for out of the command line's values."""
    names = [field.name for field in dataclasses.fields(kind) if field.name not in more]
    return kind(**more, **{name: given.pop(name) for name in names})


def _directory(out: Path | None) -> Path:
    if out is None:
        return new_run_directory(Path("runs"), "run", datetime.datetime.now(datetime.UTC))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"cannot create {out}: {error.strerror}") from error
    return out


def _where(api: Api, stack_name: str | None, region: str | None) -> dict[str, Any]:
    where: dict[str, Any] = {}
    if api.stack is not None:
        where |= {"stack": stack_name, "region": region, "endpoint_type": api.endpoint_type}
    if api.propagation is not None:
        where["propagation"] = api.propagation
    return where


def _run_row(
    run_id: str, load: Load, exchange: Exchange, clock: RunClock, where: dict[str, Any]
) -> Run:
    loop, source = load.loop, exchange.attribution.version_from
    settings: dict[str, Any] = {
        **where,
        "method": exchange.request.method,
        "version_from": None if source is None else source.notation,
        "first_poster": load.posters[0],
        "id_prefix": load.id_prefix,
        "fresh_share": exchange.fresh_share,
        "http2": exchange.http2,
        "connect_timeout_s": load.connect_timeout_s,
        "timeout_s": load.timeout_s,
    }
    if isinstance(loop, OpenLoop):
        settings.update(dataclasses.asdict(loop))
    return Run(
        run_id=run_id,
        origin_unix_ns=clock.origin_unix_ns,
        origin_monotonic_ns=clock.origin_monotonic_ns,
        boot_id=boot_id(),
        target="local" if "propagation" in where else "url",
        endpoint=shown(load.endpoint),
        loop="closed" if isinstance(loop, ClosedLoop) else "open",
        posters=len(load.posters),
        pause_s=loop.pause_s if isinstance(loop, ClosedLoop) else None,
        rate_per_s=loop.rate_per_s if isinstance(loop, OpenLoop) else None,
        settings=settings,
        tools=tool_versions() | {"libcurl": pycurl.version_info()[1]},
    )
