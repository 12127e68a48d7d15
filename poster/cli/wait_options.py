"""The command line of ``poster wait``: what may be said, and what makes no sense together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import click

from poster.actions.command import words_of
from poster.actions.errors import ActionError
from poster.calls.attribution import Source
from poster.cli.endpoint import checked_url
from poster.gate.control_plane import NEWEST

DEFAULT_METHOD = "GET"

# The help's groups, by the names of the options.
GROUPS = {
    "What to ask": (
        *("stack_name", "function_names", "alias", "version", "endpoints", "payload", "region"),
    ),
    "When to pass": (
        *("was", "expect", "marker", "require_new", "timeout", "stale_share", "confidence"),
        *("max_fail_share", "max_p99", "rate"),
    ),
    "What to do then": (
        *("warm", "distribution", "paths", "wait_for_purge", "then", "shell"),
        *("delete_old_versions", "keep", "dry_run"),
    ),
    "What a probe sends and where its answer names the release": (
        *("method", "headers", "body", "version_from", "marker_from", "fresh_share", "http2"),
        "sign",
    ),
    "What to show": ("form", "print_version", "quiet"),
}


class GroupedCommand(click.Command):
    """A command whose help shows its options in ``GROUPS``."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section a group."""
        shown = {param.name: param.get_help_record(ctx) for param in self.params}
        for title, names in GROUPS.items():
            with formatter.section(title):
                records = (shown[name] for name in names)
                formatter.write_dl([each for each in records if each is not None], col_max=26)


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """The command line, as given."""

    stack_name: str | None
    function_names: tuple[str, ...]
    alias: str | None
    version: str | None
    endpoints: tuple[str, ...]
    payload: str | None
    region: str | None
    was: str | None
    expect: str | None
    marker: str | None
    require_new: bool
    timeout: float
    stale_share: float
    confidence: float
    max_fail_share: float
    max_p99: float | None
    rate: float
    warm: int | None
    distribution: str | None
    paths: tuple[str, ...]
    wait_for_purge: bool
    then: str | None
    shell: bool
    delete_old_versions: bool
    keep: int
    dry_run: bool
    method: str
    headers: tuple[tuple[str, str], ...]
    body: str | None
    version_from: Source | None
    marker_from: Source | None
    fresh_share: float
    http2: bool
    sign: bool
    form: str
    print_version: bool

    @property
    def has_control_plane(self) -> bool:
        """Return whether Lambda can be asked too."""
        return self.stack_name is not None or bool(self.function_names)

    @property
    def invokes(self) -> bool:
        """Return whether probes are surely direct Invokes: a stack may have an endpoint."""
        return bool(self.function_names) and not self.endpoints

    @property
    def functions(self) -> list[tuple[str, str | None]]:
        """Return the functions that are named, each with its alias."""
        named = []
        for given in self.function_names:
            name, alias = given, self.alias
            # arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS], or NAME[:ALIAS]
            if given.count(":") in (1, 7):
                name, _, alias = given.rpartition(":")
            named.append((name, alias))
        return named

    def command(self) -> list[str] | str | None:
        """Return what to run afterwards. Raises ActionError when it could not be run."""
        if self.then is None or self.shell:
            return self.then
        return words_of(self.then)

    def said_of(self, function: str, text: str | None) -> str | None:
        """Return what ``--was`` or ``--expect`` says of a function: VERSION, or NAME=VERSION ..."""
        words = (text or "").replace(",", " ").split()
        named = dict(word.split("=", 1) for word in words if "=" in word)
        return named.get(function) if named or not words else words[0]

    def check(self) -> None:
        """Raise click.UsageError where the options make no sense together."""
        for is_wrong, sentence in (*self._wrong_targets(), *self._wrong_actions()):
            if is_wrong:
                raise click.UsageError(sentence)
        for url in self.endpoints:
            checked_url(url)
        try:
            self.command()  # a typing error must not cost the wait
        except ActionError as error:
            raise click.UsageError(str(error)) from None

    def _wrong_targets(self) -> Iterator[tuple[bool, str]]:
        aliases = [alias for _, alias in self.functions]
        has_alias = self.stack_name is not None or (bool(aliases) and all(aliases))
        is_told = has_alias or self.version is not None
        yield (
            not self.endpoints and not self.has_control_plane,
            "name what to ask: --stack-name NAME, --function-name NAME or --endpoint URL",
        )
        yield (
            self.stack_name is not None and bool(self.function_names),
            "name either --stack-name or --function-name",
        )
        yield (
            self.alias is not None and not self.function_names,
            "--alias needs --function-name",
        )
        yield (
            self.version is not None and not (self.version.isdigit() or self.version == NEWEST),
            f"--version is a number or {NEWEST}",
        )
        yield (
            self.version is not None and (bool(self.endpoints) or not self.has_control_plane),
            "--version asks the function itself: it needs --function-name or --stack-name, and no"
            " --endpoint",
        )
        yield (
            self.version is not None and len(self.function_names) > 1,
            "--version is of one function",
        )
        yield (
            len(self.function_names) > 1 and bool(self.endpoints),
            "--endpoint goes with one function: several are asked by Invoke",
        )
        yield (
            self.print_version and not has_alias,
            "--print-version needs --stack-name, or --function-name and --alias",
        )
        yield (
            self.print_version and self.form == "json",
            "--print-version prints the version alone: leave --format json away",
        )
        yield (
            not is_told and self.expect is None and self.marker is None,
            "say what is expected: --expect VERSION or --marker MARKER",
        )
        yield (
            self.require_new and self.was is None,
            "--require-new needs --was VERSION",
        )
        yield from self._wrong_probes(is_told)

    def _wrong_probes(self, is_told: bool) -> Iterator[tuple[bool, str]]:
        yield (
            self.invokes and self.payload is None and not self.print_version,
            "--function-name invokes the function for real: name with --payload what does no"
            " harm to it, as in --payload '{\"ping\": true}', or --endpoint URL to ask there",
        )
        yield (
            self.payload is not None and (bool(self.endpoints) or not self.has_control_plane),
            "--payload is for --function-name without --endpoint",
        )
        yield (
            self.invokes and not is_told and self.marker is None,
            "without --alias every answer is from $LATEST: say what tells the new release with"
            " --marker and --marker-from",
        )
        yield (
            self.invokes and self.marker is not None and self.marker_from is None,
            "say with --marker-from where the function's answer names its marker",
        )
        yield (
            self.method.upper() == "POST" and self.body is None,
            "say with --body what a probe is to POST; it must do no harm",
        )

    def _wrong_actions(self) -> Iterator[tuple[bool, str]]:
        purges = self.distribution is not None
        yield self.shell and self.then is None, "--shell needs --then"
        yield purges and not self.paths, "say with --paths what to purge, as in --paths '/*'"
        yield bool(self.paths) and not purges, "--paths needs --purge-cloudfront"
        yield self.wait_for_purge and not purges, "--wait-for-purge needs --purge-cloudfront"
        yield (
            self.delete_old_versions and not self.has_control_plane,
            "--delete-old-versions needs --stack-name or --function-name",
        )
        yield (
            self.delete_old_versions and self.version is not None,
            "--delete-old-versions comes after the alias has moved, --version before",
        )
        yield (
            self.delete_old_versions and self.marker is not None and self.expect is None,
            "--delete-old-versions needs answers that name versions: say --expect VERSION",
        )
