"""The options that say what a call sends and where its answer names the release."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from poster.calls.attribution import Attribution, Source, SourceError, parse_source
from poster.calls.curl_call import Exchange, Headers
from poster.calls.request import TODO_REQUEST, Request
from poster.calls.signing import signer_for
from poster.cli.numbers import NumberRange
from poster.report.plain import plain
from poster.rows.address import secrets_of

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*)")


class _SourceType(click.ParamType[Source]):
    name = "source"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Source:
        try:
            return parse_source(str(value))
        except SourceError as error:
            self.fail(str(error), param, ctx)


class _HeadersType(click.ParamType[Headers]):
    """A header, or @FILE with one a line: no process list shows what a file holds."""

    name = "headers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Headers:
        # What was given is not shown where it is refused: it may hold a key.
        if not str(value).startswith("@"):
            return (self._header(str(value), "a header", param, ctx),)
        file = str(value)[1:]
        try:
            lines = Path(file).read_text(encoding="utf-8").splitlines()
        except OSError as error:
            self.fail(f"cannot read {plain(file)}: {error.strerror}", param, ctx)
        except UnicodeDecodeError:
            self.fail(f"{plain(file)} is no text in UTF-8", param, ctx)
        return tuple(
            self._header(line, f"line {number} of {plain(file)}", param, ctx)
            for number, line in enumerate(lines, 1)
            if line
        )

    def _header(
        self, line: str, what: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        match = _HEADER.fullmatch(line)
        if match is None:
            self.fail(f"{what} is not of the form 'Name: value', on one line", param, ctx)
        return match.group(1), match.group(2)


def _all_of(_: click.Context, __: click.Parameter, given: tuple[Headers, ...]) -> Headers:
    return tuple(itertools.chain(*given))


_OPTIONS = (
    click.option(
        "--method",
        metavar="NAME",
        help="HTTP method.  [default: GET; POST with a body, and for this project's own stack]",
    ),
    click.option(
        "--header",
        "headers",
        multiple=True,
        type=_HeadersType(),
        callback=_all_of,
        metavar="'NAME: VALUE'|@FILE",
        help="Send this header, or those of a file, one a line, so that no process list shows"
        " them; may be repeated.",
    ),
    click.option(
        "--body",
        metavar="TEXT",
        help="Send this; {todo_id} stands for the call's own id.  [default with POST: a todo]",
    ),
    click.option(
        "--version-from",
        type=_SourceType(),
        metavar="SOURCE",
        help="Where an answer names its version: header:NAME, json:/pointer, regex:PATTERN or"
        " sha256.  [default: as the todo API does]",
    ),
    click.option(
        "--marker-from", type=_SourceType(), metavar="SOURCE", help="The same for its marker."
    ),
    click.option(
        "--fresh-connections",
        "fresh_share",
        type=NumberRange(0, 1),
        metavar="SHARE",
        help="Share of the calls that open a connection of their own."
        "  [default: 0, around a deploy 1]",
    ),
    click.option(
        "--http2", is_flag=True, help="Speak HTTP/2; without TLS the server must expect it."
    ),
    click.option("--sign", is_flag=True, help="Sign with SigV4, for AWS_IAM-protected APIs."),
)


def exchange_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of this module to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_exchange(
    endpoint: str,
    region: str | None,
    method: str | None,
    headers: Headers,
    body: str | None,
    version_from: Source | None,
    marker_from: Source | None,
    fresh_share: float | None,
    http2: bool,
    sign: bool,
    is_todo: bool = False,
    around_a_deploy: bool = False,
) -> Exchange:
    """Return what was chosen. Raises SigningError."""
    if method is None:
        method = "POST" if is_todo or body is not None else "GET"
    if not re.fullmatch(r"[A-Za-z]+", method):
        raise click.UsageError(f"--method {method} is no HTTP method")
    method, given = method.upper(), headers
    if body is None and method == "POST":
        body = TODO_REQUEST.body
    if body is not None and "content-type" not in {name.lower() for name, _ in headers}:
        headers = (*TODO_REQUEST.headers, *headers)
    return Exchange(
        request=Request(method, headers, body),
        attribution=Attribution(version_from, marker_from),
        fresh_share=float(around_a_deploy) if fresh_share is None else fresh_share,
        http2=http2,
        sign=signer_for(endpoint, region) if sign else None,
        secrets=secrets_of(endpoint, *(value for _, value in given)),
    )
