"""From the options of ``poster wait`` to a control plane, probes and actions."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from poster.actions.command import words_of
from poster.actions.errors import ActionError
from poster.aws.stack import Outputs, Stack
from poster.aws.target import AwsTarget
from poster.calls.curl_call import Exchange
from poster.calls.probe import TODO_PROBE, Probed, invoke_probed
from poster.cli.endpoint import checked_url
from poster.cli.exchange import chosen_exchange
from poster.gate.control_plane import ControlPlane
from poster.gate.sequential import Rule
from poster.gate.tally import Expected
from poster.gate.waiting import Wait
from poster.rows.address import shown
from poster.rows.clock import Clock

DEFAULT_METHOD = "GET"


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """The command line, as given."""

    endpoints: tuple[str, ...]
    stack_name: str | None
    function_name: str | None
    alias: str | None
    region: str | None
    expect: str | None
    marker: str | None
    was: str | None
    payload: str | None
    stale_share: float
    confidence: float
    rate: float
    timeout: float
    then: str | None
    shell: bool
    distribution: str | None
    paths: tuple[str, ...]
    wait_for_purge: bool
    warm: int | None
    delete_old_versions: bool
    keep: int
    form: str
    print_version: bool
    exchange: dict[str, Any]

    @property
    def has_control_plane(self) -> bool:
        """Return whether Lambda can be asked too."""
        return self.stack_name is not None or self.function_name is not None

    @property
    def invokes(self) -> bool:
        """Return whether probes are direct Invokes."""
        return self.function_name is not None and not self.endpoints

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

    def _wrong_targets(self) -> list[tuple[bool, str]]:
        exchange = self.exchange
        has_alias = self.stack_name is not None or self.alias is not None
        return [
            (
                not self.endpoints and not self.has_control_plane,
                "name what to ask: --endpoint URL, --stack-name NAME or --function-name NAME",
            ),
            (
                self.stack_name is not None and self.function_name is not None,
                "name either --stack-name or --function-name",
            ),
            (
                self.alias is not None and self.function_name is None,
                "--alias needs --function-name",
            ),
            (
                self.print_version and not has_alias,
                "--print-version needs --stack-name, or --function-name and --alias",
            ),
            (
                not has_alias and self.expect is None and self.marker is None,
                "say what is expected: --expect VERSION or --marker MARKER",
            ),
            (
                self.invokes and self.payload is None and not self.print_version,
                "--function-name invokes the function for real: name with --payload what does no"
                " harm to it, as in --payload '{\"ping\": true}', or --endpoint URL to ask there",
            ),
            (
                self.payload is not None and not self.invokes,
                "--payload is for --function-name without --endpoint",
            ),
            (
                self.invokes and self.alias is None and self.marker is None,
                "without --alias every answer is from $LATEST: say what tells the new release with"
                " --marker and --marker-from",
            ),
            (
                self.invokes and self.marker is not None and exchange["marker_from"] is None,
                "say with --marker-from where the function's answer names its marker",
            ),
            (
                exchange["method"].upper() == "POST" and exchange["body"] is None,
                "say with --body what a probe is to POST; it must do no harm",
            ),
        ]

    def _wrong_actions(self) -> list[tuple[bool, str]]:
        purges = self.distribution is not None
        return [
            (self.shell and self.then is None, "--shell needs --then"),
            (purges and not self.paths, "say with --paths what to purge, as in --paths '/*'"),
            (bool(self.paths) and not purges, "--paths needs --purge-cloudfront"),
            (self.wait_for_purge and not purges, "--wait-for-purge needs --purge-cloudfront"),
            (
                self.delete_old_versions and not self.has_control_plane,
                "--delete-old-versions needs --stack-name or --function-name",
            ),
            (
                self.delete_old_versions and self.marker is not None and self.expect is None,
                "--delete-old-versions needs answers that name versions: say --expect VERSION",
            ),
        ]

    def command(self) -> list[str] | str | None:
        """Return what to run afterwards. Raises ActionError when it could not be run."""
        if self.then is None or self.shell:
            return self.then
        return words_of(self.then)


@dataclasses.dataclass(frozen=True, slots=True)
class Setup:
    """What the wait works with."""

    target: AwsTarget | None
    control_plane: ControlPlane | None
    probed: list[Probed]
    clock: Clock

    def client(self, service: str) -> Any:
        """Return a boto3 client of the caller's account. Raises AwsError."""
        return (self.target or AwsTarget()).client(service)

    def wait(self, options: Options) -> Wait:
        """Return the wait for callers."""
        return Wait(
            self.probed,
            Expected(options.expect, options.marker),
            Rule(options.stale_share, options.confidence),
            options.rate,
            self.clock,
        )


def set_up(options: Options, clock: Clock) -> Setup:
    """Return it. Raises AwsErrors and SigningError."""
    if not options.has_control_plane:
        return Setup(None, None, _endpoints(options, options.endpoints), clock)
    target = AwsTarget(options.region)
    if options.stack_name is None:
        function, alias, endpoint = str(options.function_name), options.alias, None
    else:
        outputs = _outputs(options.stack_name, target)
        function, alias, endpoint = outputs.function, outputs.alias, outputs.endpoint
    client = target.client("lambda")
    control_plane = ControlPlane(client, function, alias, clock)
    if options.invokes and not options.print_version:
        control_plane.require_invocable()
    if options.endpoints or endpoint is not None:
        probed = _endpoints(options, options.endpoints or (str(endpoint),))
    elif options.print_version:
        probed = []
    else:
        fresh_share, marker_from = options.exchange["fresh_share"], options.exchange["marker_from"]
        payload = str(options.payload)
        probed = [invoke_probed(client, function, alias, payload, fresh_share, marker_from)]
    return Setup(target, control_plane, probed, clock)


def _outputs(stack_name: str, target: AwsTarget) -> Outputs:
    return Stack(stack_name, target).outputs()


def _endpoints(options: Options, urls: tuple[str, ...]) -> list[Probed]:
    return [Probed(shown(url), url, _exchange(options, url)) for url in urls]


def _exchange(options: Options, url: str) -> Exchange:
    given = options.exchange
    exchange = chosen_exchange(url, options.region, **given)
    is_default = given["method"] == DEFAULT_METHOD and not given["headers"] and not given["body"]
    if options.stack_name is not None and is_default:
        return dataclasses.replace(exchange, request=TODO_PROBE)
    return exchange
