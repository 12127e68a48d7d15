"""The two ways in which a command is told what to call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import click
import requests

from poster.aws.stack import Stack
from poster.aws.target import AwsTarget
from poster.rows.address import shown


def endpoint_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--endpoint``, ``--stack-name`` and ``--region`` to a command."""
    for option in (
        click.option("--region", metavar="NAME", help="Region of the stack."),
        click.option(
            "--stack-name", metavar="NAME", help="Read the endpoint from this stack's outputs."
        ),
        click.option("--endpoint", metavar="URL", help="Call this URL."),
    ):
        command = option(command)
    return command


class Chosen(NamedTuple):
    """What to call."""

    url: str
    is_signed: bool  # the stack lets signed calls through only


def chosen_endpoint(endpoint: str | None, stack_name: str | None, region: str | None) -> Chosen:
    """Return what to call.

    Raises click.UsageError unless exactly one way was chosen, AwsError and StackError when the
    stack cannot be read.
    """
    if (endpoint is None) == (stack_name is None):
        raise click.UsageError("name what to call: either --endpoint URL or --stack-name NAME")
    if endpoint is not None:
        return Chosen(checked_url(endpoint), is_signed=False)
    outputs = Stack(str(stack_name), AwsTarget(region)).outputs()
    return Chosen(outputs.endpoint, outputs.is_signed)


def checked_url(url: str) -> str:
    """Return the URL as it is sent. Raises click.UsageError if it cannot be called."""
    as_shown = shown(url)
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"--endpoint {as_shown} is no http or https URL")
    try:
        return str(requests.Request("GET", url).prepare().url)
    except requests.RequestException as error:
        # The error quotes the URL.
        why = error if as_shown == url else "it is not the URL of a host"
        raise click.UsageError(f"--endpoint {as_shown} cannot be called: {why}") from None
