"""The two ways in which a command is told what to call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import click

from poster.aws.any_stack import served_by
from poster.aws.stack import Stack
from poster.aws.target import AwsTarget, is_named_by_aws, is_of_poster_local
from poster.rows.address import LEFT_OUT, shown


@dataclasses.dataclass(frozen=True, slots=True)
class Api:
    """What to call, and the stack that it was found by."""

    url: str
    is_todo: bool = False  # this project's own API, which takes a POST of a todo
    stack: Stack | None = None
    is_signed: bool = False  # the stack lets signed calls through only
    endpoint_type: str | None = None  # of API Gateway's; None: not known
    propagation: dict[str, Any] | None = None  # as `poster local` simulates it for the callers


def endpoint_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--endpoint``, ``--stack-name``, ``--path`` and ``--region`` to a command."""
    for option in (
        click.option("--region", metavar="NAME", help="Region of the stack."),
        click.option(
            "--path",
            metavar="/PATH",
            default="",
            help="With --stack-name: what to call of the stack's API.",
        ),
        click.option(
            "--stack-name",
            metavar="NAME",
            help="Call the API of this stack, whichever tool made it.",
        ),
        click.option("--endpoint", metavar="URL", help="Call this URL."),
    ):
        command = option(command)
    return command


def chosen_api(endpoint: str | None, stack_name: str | None, region: str | None, path: str) -> Api:
    """Return what to call.

    Raises click.UsageError unless exactly one way was chosen, AwsError and StackError when the
    stack cannot be read.
    """
    if (endpoint is None) == (stack_name is None):
        raise click.UsageError("name what to call: either --endpoint URL or --stack-name NAME")
    if endpoint is not None:
        if path:
            raise click.UsageError("--path goes with --stack-name; --endpoint holds its own")
        return _named(checked_url(endpoint), region)
    target = AwsTarget(region)
    stack = Stack(str(stack_name), target)
    served = served_by(stack)
    url = f"{served.endpoint.rstrip('/')}/{path.lstrip('/')}" if path else served.endpoint
    is_todo = served.is_todo and not path
    return Api(
        url,
        is_todo,
        stack,
        served.is_signed,
        served.endpoint_type,
        target.propagation_at(url),
    )


def _named(url: str, region: str | None) -> Api:
    if not is_of_poster_local():
        return Api(url)
    target = AwsTarget(region)
    if is_named_by_aws(url):
        url = target.reachable(url)
    return Api(url, propagation=target.propagation_at(url))


def checked_url(url: str) -> str:
    """Return the URL as it is sent. Raises click.UsageError if it cannot be called."""
    as_shown = shown(url)
    if as_shown == LEFT_OUT:
        # It cannot be taken apart, so no part of it is shown.
        raise click.UsageError("--endpoint is not the URL of a host: see its host and port")
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"--endpoint {as_shown} is no http or https URL")
    import requests  # takes as long as all the rest of a start; no help needs it

    try:
        return str(requests.Request("GET", url).prepare().url)
    except requests.RequestException as error:
        # The error quotes the URL.
        why = error if as_shown == url else "it is not the URL of a host"
        raise click.UsageError(f"--endpoint {as_shown} cannot be called: {why}") from None
