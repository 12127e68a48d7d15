"""``poster local``: the local AWS in the foreground, with the exports for aws, sam and curl."""

from __future__ import annotations

import shlex
import signal
import threading

import click
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from poster.calls.background import Background
from poster.cli import exit_codes
from poster.cli.types import lag_option, seed_option
from poster.local.emulator import Emulator
from poster.local.environment import LOOPBACK
from poster.local.fleet import FleetError
from poster.local.fleets import Fleets
from poster.local.http_api import DEFAULT
from poster.local.target import Propagation

_IN_ANOTHER_SHELL = """\
# The local AWS answers on {endpoint}; it ends with Ctrl-C here.
# In another shell, paste these lines; the first forgets the AWS settings that the shell has:
unset AWS_PROFILE $(env | sed -n 's/^\\(AWS_[A-Za-z0-9_]*\\)=.*/\\1/p')
{exports}
# Deploy:        sam build && sam deploy
# Its outputs:   sam list stack-outputs --stack-name todo-sample-1
# Call it: an API that is deployed here is announced here, with the URL at which it answers.
"""
_CALL = """\
# Callers of this URL get {propagation}:
#   {curl} {url}
"""
_CALLS = {
    "POST": """curl -d '{"todoId": "t01-0001", "title": "tea"}'""",
    **dict.fromkeys(("GET", "ANY", DEFAULT), "curl"),
}
LOOK_EVERY_S = 0.5


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Listen there; default: a free port.")
@lag_option
@seed_option
def local(port: int | None, lag: str, seed: int) -> None:
    """Run the local AWS until Ctrl-C, and print how to use it from another shell.

    It forgets everything when it ends. It listens on 127.0.0.1 only, and neither reads nor needs
    AWS credentials.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    emulator = Emulator(port)
    try:
        click.echo("starting the local AWS", err=True)
        with emulator, Fleets(emulator.aws, Propagation(lag, seed)) as fleets:
            click.echo(_instructions(emulator), nl=False)
            ended = threading.Event()
            announcing = Background("announcing", lambda: _announce(fleets, lag, ended))
            announcing.start()
            try:
                for grown in emulator.follow_log():
                    click.echo(grown, nl=False, err=True)
                    announcing.check()
            finally:  # before the fleets are ended: none may be added then
                ended.set()
                announcing.wait()
    except KeyboardInterrupt:
        click.echo("the local AWS has ended", err=True)
        raise SystemExit(exit_codes.OK) from None


def _instructions(emulator: Emulator) -> str:
    exports = [
        f"export {name}={shlex.quote(value)}" for name, value in emulator.aws.settings().items()
    ]
    exports += [
        f'export {name}="{LOOPBACK}${{{name}:+,${name}}}"' for name in ("no_proxy", "NO_PROXY")
    ]
    return _IN_ANOTHER_SHELL.format(
        endpoint=emulator.endpoint,
        exports="\n".join(exports),
    )


def _announce(fleets: Fleets, lag: str, ended: threading.Event) -> None:
    propagation = f"simulated propagation: {lag}"
    warned = ""
    while not ended.wait(LOOK_EVERY_S):
        try:
            for method, url in fleets.look():
                call = _CALLS.get(method, f"curl -X {method}")
                click.echo(_CALL.format(propagation=propagation, curl=call, url=url), nl=False)
            warned = ""
        except EndpointConnectionError:
            continue  # the local AWS is ending, which the main thread tells
        except (FleetError, BotoCoreError, ClientError) as error:
            if str(error) != warned:
                warned = str(error)
                click.echo(f"Warning: {warned}", err=True)
