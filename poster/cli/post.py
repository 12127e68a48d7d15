"""``poster post``: the published poster, one process each, until ``finish.txt`` appears."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from poster.calls.engine import Load
from poster.calls.posting import Posting
from poster.calls.requests_engine import RequestsEngine
from poster.calls.schedule import PAUSE_S, ClosedLoop
from poster.calls.signing import signer_for
from poster.cli import exit_codes
from poster.cli.endpoint import chosen_api, endpoint_options
from poster.cli.live import LiveCounts
from poster.cli.numbers import NumberRange
from poster.errors import PosterError
from poster.rows.clock import RunClock

FINISH = Path("finish.txt")
LOOK_EVERY_S = 0.1


@click.command()
@click.argument("index", type=click.IntRange(1, 99))
@endpoint_options
@click.option(
    "--pause",
    type=NumberRange(0, 3600),
    default=PAUSE_S,
    show_default=True,
    metavar="SECONDS",
    help="From an answer to the next call.",
)
def post(
    index: int,
    endpoint: str | None,
    stack_name: str | None,
    path: str,
    region: str | None,
    pause: float,
) -> None:
    """Post todos as poster INDEX until the file finish.txt appears in this folder.

    Call, wait for the answer, pause, call again; todo ids are t01-0001, t01-0002 and so on. Then
    print how many were answered with 200 (ok) and how many were not (ng). Three of them make the
    published experiment:

    \b
      poster post 1 --endpoint URL & poster post 2 --endpoint URL & poster post 3 --endpoint URL &
      sam build && sam deploy
      touch finish.txt
    """
    api = chosen_api(endpoint, stack_name, region, path)
    url = api.url
    if FINISH.exists():
        raise PosterError(f"{FINISH} is there already: remove it to start posting")
    tally = LiveCounts()
    load = Load(endpoint=url, posters=(index,), loop=ClosedLoop(posters=1, pause_s=pause))
    engine = RequestsEngine(signer_for(url, region) if api.is_signed else None)
    interrupted = False
    with Posting(engine, load, RunClock(), tally.add) as posting:
        try:
            while not FINISH.exists() and not posting.wait(LOOK_EVERY_S):
                pass
        except KeyboardInterrupt:
            interrupted = True
    click.echo(f"ok: {tally.ok}")
    click.echo(f"ng: {tally.ng}")
    sys.exit(exit_codes.INTERRUPTED if interrupted else exit_codes.OK)
