"""``poster local``: the local AWS in the foreground, with the exports for aws, sam and curl."""

from __future__ import annotations

import shlex
import signal

import click

from poster.cli import exit_codes
from poster.local import environment
from poster.local.emulator import Emulator, EmulatorError

_IN_ANOTHER_SHELL = """\
# The local AWS answers on {endpoint}; it ends with Ctrl-C here.
# In another shell, paste these lines; the first forgets the AWS settings that the shell has:
unset AWS_PROFILE $(env | sed -n 's/^\\(AWS_[A-Za-z0-9_]*\\)=.*/\\1/p')
{exports}
# Deploy:        sam build && sam deploy
# Its outputs:   sam list stack-outputs --stack-name todo-sample-1
# Call it; ID is what ApiEndpoint begins with, https://ID.execute-api...:
#   curl -d '{{"todoId": "t01-0001", "title": "tea"}}' {url}
"""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Listen there; default: a free port.")
def local(port: int | None) -> None:
    """Run the local AWS until Ctrl-C, and print how to use it from another shell.

    It forgets everything when it ends. It listens on 127.0.0.1 only, and neither reads nor needs
    AWS credentials.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    emulator = Emulator(port)
    try:
        click.echo("starting the local AWS", err=True)
        with emulator:
            click.echo(_instructions(emulator), nl=False)
            for grown in emulator.follow_log():
                click.echo(grown, nl=False, err=True)
    except EmulatorError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        click.echo("the local AWS has ended", err=True)
        raise SystemExit(exit_codes.OK) from None


def _instructions(emulator: Emulator) -> str:
    endpoint = emulator.endpoint
    exports = [
        f"export {name}={shlex.quote(value)}"
        for name, value in environment.settings(endpoint).items()
    ]
    exports += [
        f'export {name}="{environment.LOOPBACK}${{{name}:+,${name}}}"'
        for name in ("no_proxy", "NO_PROXY")
    ]
    return _IN_ANOTHER_SHELL.format(
        endpoint=endpoint,
        exports="\n".join(exports),
        url=emulator.aws.invoke_url("ID", "Prod", "/todo"),
    )
