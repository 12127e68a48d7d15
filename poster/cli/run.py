"""``poster run``: post to any endpoint; every call becomes a row of a history."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from pathlib import Path
from typing import Any

import click
import pycurl

from poster.calls.curl_call import Exchange
from poster.calls.curl_engine import CurlEngine
from poster.calls.engine import CONNECT_TIMEOUT_S, TIMEOUT_S, Load
from poster.calls.posting import Posting
from poster.calls.request import run_prefix
from poster.calls.schedule import MAX_IN_FLIGHT, PAUSE_S, POSTERS, ClosedLoop, Loop, OpenLoop
from poster.cli import exit_codes
from poster.cli.endpoint import chosen_endpoint, endpoint_options
from poster.cli.exchange import chosen_exchange, exchange_options
from poster.cli.live import Narrator
from poster.cli.names import FolderType
from poster.rows.address import shown
from poster.rows.clock import RunClock, boot_id
from poster.rows.journal import HISTORY, Journal, JournalError, new_run_directory, point_latest_at
from poster.rows.record import Observation, Run, Step
from poster.rows.tools import tool_versions


@click.command()
@endpoint_options
@click.option(
    "--posters",
    type=click.IntRange(1, 99),
    help=f"Closed loop: callers at once.  [default: {POSTERS}]",
)
@click.option(
    "--pause",
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    help=f"Closed loop: from an answer to the same poster's next call.  [default: {PAUSE_S}]",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 100_000, min_open=True),
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
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Stop after this time; without it, Ctrl-C stops.",
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
    type=click.FloatRange(0, 3600, min_open=True),
    default=CONNECT_TIMEOUT_S,
    show_default=True,
    metavar="SECONDS",
    help="To make a connection, TLS included.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, 3600, min_open=True),
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
def run(
    endpoint: str | None,
    stack_name: str | None,
    region: str | None,
    posters: int | None,
    pause: float | None,
    rate: float | None,
    arrivals: Any,
    seed: int,
    calls: int | None,
    max_in_flight: int,
    duration: float | None,
    first_poster: int,
    connect_timeout_s: float,
    timeout_s: float,
    out: Path | None,
    **exchange_chosen: Any,
) -> None:
    """Call an API and write every call to DIR/history.jsonl.

    Closed loop by default: every poster calls, waits for the answer, pauses, calls again. With
    --rate, open loop: calls are sent at planned instants. No call is ever retried.

    Ctrl-C lets the calls in flight end, then stops; a second one does not wait for them. The
    history is whole either way. Deploy by any means meanwhile, then read the history with
    `poster report DIR`.
    """
    url, is_signed = chosen_endpoint(endpoint, stack_name, region)
    exchange_chosen["sign"] = exchange_chosen["sign"] or is_signed
    loop: Loop
    if rate is None:
        if calls is not None:
            raise click.UsageError("--calls needs --rate")
        loop = ClosedLoop(
            POSTERS if posters is None else posters,
            PAUSE_S if pause is None else pause,
        )
        numbers = tuple(range(first_poster, first_poster + loop.posters))
    else:
        if posters is not None or pause is not None:
            raise click.UsageError("choose --rate (open loop) or --posters and --pause (closed)")
        loop = OpenLoop(rate, arrivals, seed, duration, calls, max_in_flight)
        numbers = (first_poster,)
    try:
        exchange = chosen_exchange(url, region, **exchange_chosen)
        directory = _directory(out)
        clock = RunClock()
        prefix = "" if stack_name is None else run_prefix(clock.origin_unix_ns)
        load = Load(url, numbers, loop, connect_timeout_s, timeout_s, id_prefix=prefix)
        where = {"stack": stack_name, "region": region} if stack_name is not None else {}
        row = _run_row(directory.name, load, exchange, clock, where)
        with Journal(directory / HISTORY, row) as journal:
            if out is None:
                point_latest_at(directory)
            cut_short = _post(load, exchange, clock, journal, duration)
    except KeyboardInterrupt:
        cut_short = True
    click.echo(f"{directory / HISTORY}")
    sys.exit(exit_codes.INTERRUPTED if cut_short else exit_codes.OK)


def _directory(out: Path | None) -> Path:
    if out is None:
        return new_run_directory(Path("runs"), "run", datetime.datetime.now(datetime.UTC))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(f"cannot create {out}: {error.strerror}") from error
    return out


def _run_row(
    run_id: str, load: Load, exchange: Exchange, clock: RunClock, where: dict[str, str | None]
) -> Run:
    loop = load.loop
    settings: dict[str, Any] = {
        **where,
        "method": exchange.request.method,
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
        target="url",
        endpoint=shown(load.endpoint),
        loop="closed" if isinstance(loop, ClosedLoop) else "open",
        posters=len(load.posters),
        pause_s=loop.pause_s if isinstance(loop, ClosedLoop) else None,
        rate_per_s=loop.rate_per_s if isinstance(loop, OpenLoop) else None,
        settings=settings,
        tools=tool_versions() | {"libcurl": pycurl.version_info()[1]},
    )


def _post(
    load: Load,
    exchange: Exchange,
    clock: RunClock,
    journal: Journal,
    duration_s: float | None,
) -> bool:
    """Post for that long, or until Ctrl-C; return whether Ctrl-C cut it short."""
    is_open = isinstance(load.loop, OpenLoop)
    calls = load.loop.calls if isinstance(load.loop, OpenLoop) else None
    has_end = duration_s is not None or calls is not None
    rows: list[Observation] = []  # of one turn of the engine
    with Narrator() as narrator:

        def after_turn() -> None:
            if rows:
                journal.write_all(rows)
                narrator.observed_all(rows)
                rows.clear()

        def emit_step(step: Step) -> None:
            journal.write(step)
            narrator.step(step)

        engine = CurlEngine(exchange, emit_step, after_turn)
        narrator.phase(f"posting to {shown(load.endpoint)}")
        with Posting(engine, load, clock, rows.append) as posting:
            try:
                # An open loop ends by itself, after its last planned call.
                posting.wait(None if is_open else duration_s)
            except KeyboardInterrupt:
                narrator.phase("draining calls in flight; Ctrl-C again to leave them")
                return has_end
    return False
