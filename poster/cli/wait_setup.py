"""From the options of ``poster wait`` to what waits and acts; what can fail early fails here."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import click

from poster.actions.cloudfront import require_distribution
from poster.actions.versions import find_old_versions
from poster.aws.stack import Stack
from poster.aws.target import AwsTarget
from poster.calls.curl_call import Exchange
from poster.calls.probe import Probed, invoke_probed
from poster.calls.request import TODO_PROBE
from poster.cli.exchange import chosen_exchange
from poster.cli.wait_options import DEFAULT_METHOD, Options
from poster.gate.control_plane import Concurrency, ControlPlane
from poster.gate.sequential import Rule
from poster.gate.settling import Subject
from poster.gate.tally import Expected
from poster.gate.waiting import Service, Wait
from poster.rows.address import shown
from poster.rows.clock import Clock


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What the wait works with."""

    services: Sequence[Service]
    wait: Wait
    concurrency: Sequence[Concurrency]
    lambda_client: Any  # boto3's; None without a control plane
    cloudfront_client: Any  # boto3's; None where nothing is purged

    @property
    def planes(self) -> list[ControlPlane]:
        """Return the control planes."""
        return [each.plane for each in self.services if each.plane is not None]

    @property
    def is_capped(self) -> bool:
        """Return whether the concurrency allows fewer probes at a time than the rate may take."""
        free = dataclasses.replace(self.wait, at_a_time=None)
        return self.wait.max_in_flight < free.max_in_flight


def plan(options: Options, clock: Clock) -> Plan:
    """Return it. Raises AwsErrors, SigningError, GateErrors and click.UsageError."""
    needs_aws = options.has_control_plane or options.distribution is not None
    target = AwsTarget(options.region) if needs_aws else None
    client = target.client("lambda") if target and options.has_control_plane else None
    cloudfront = target.client("cloudfront") if target and options.distribution else None
    rule = Rule(options.stale_share, options.confidence, options.max_fail_share, options.max_p99)
    wait = Wait((), rule, options.rate, clock)
    if target is None or client is None:
        probed = _endpoints(options, options.endpoints)
        service = Service(None, lambda version: probed, Expected(options.expect, options.marker))
        done = Plan([service], wait, [], None, cloudfront)
    else:
        services = _services(options, target, client, clock)
        planes = [each.plane for each in services if each.plane is not None]
        concurrency = [] if options.print_version else [each.concurrency() for each in planes]
        known = [each.at_a_time for each in concurrency if each.at_a_time is not None]
        # What all functions may have is each one's only if the others ask for nothing.
        at_a_time = min(known) // len(known) if known else None
        wait = dataclasses.replace(wait, at_a_time=at_a_time)
        done = Plan(services, wait, concurrency, client, cloudfront)
    if options.distribution is not None:
        require_distribution(cloudfront, options.distribution)
    if options.delete_old_versions:
        for plane in done.planes:  # who may not see who uses a version may not delete one
            find_old_versions(client, plane.subject.function, (), options.keep)
    return done


def _services(options: Options, target: AwsTarget, client: Any, clock: Clock) -> list[Service]:
    functions, endpoint, is_signed = _functions(options, target)
    options = dataclasses.replace(options, sign=options.sign or is_signed)
    if options.endpoints and len(functions) > 1:
        raise click.UsageError(
            f"--endpoint goes with one function, and stack {options.stack_name} has"
            f" {len(functions)}: leave it out, and they are asked by Invoke"
        )
    urls = options.endpoints or ((endpoint,) if endpoint else ())
    if not urls and options.payload is None and not options.print_version:
        raise click.UsageError(
            f"the functions of stack {options.stack_name} are asked by Invoke: name with --payload"
            " what does no harm to them, or --endpoint URL to ask there"
        )
    return [_service(options, client, clock, *each, urls) for each in functions]


def _service(
    options: Options,
    client: Any,
    clock: Clock,
    function: str,
    alias: str | None,
    urls: Sequence[str],
) -> Service:
    expect = options.said_of(function, options.expect)
    was = options.said_of(function, options.was)
    alias = None if options.version else alias
    subject = Subject(function, alias, options.version, expect, was)
    plane = ControlPlane(client, subject, clock)
    expected = Expected(expect, options.marker)
    if options.print_version:
        return Service(plane, lambda version: (), expected)
    if urls:
        probed = _endpoints(options, urls)
        return Service(plane, lambda version: probed, expected)
    plane.require_invocable()

    def invoked(version: str | None) -> list[Probed]:
        qualifier = version if options.version else alias
        share, marker_from = options.fresh_share, options.marker_from
        payload = str(options.payload)
        return [invoke_probed(client, function, qualifier, payload, share, marker_from)]

    invoked(None)  # credentials that are missing must not cost the wait
    return Service(plane, invoked, expected)


def _functions(
    options: Options, target: AwsTarget
) -> tuple[list[tuple[str, str | None]], str | None, bool]:
    """Return the functions, each with its alias, and the endpoint of a stack that names one.

    Last comes whether the stack lets signed calls through only.
    """
    if options.stack_name is None:
        return options.functions, None, False
    stack = Stack(options.stack_name, target)
    own = stack.own_outputs()
    if own is not None:
        is_called = not (options.endpoints or options.version or options.print_version)
        return [(own.function, own.alias)], own.endpoint if is_called else None, own.is_signed
    return [*stack.aliases()], None, False


def _endpoints(options: Options, urls: Sequence[str]) -> list[Probed]:
    return [Probed(shown(url), url, _exchange(options, url)) for url in urls]


def _exchange(options: Options, url: str) -> Exchange:
    exchange = chosen_exchange(
        url,
        options.region,
        method=options.method,
        headers=options.headers,
        body=options.body,
        version_from=options.version_from,
        marker_from=options.marker_from,
        fresh_share=options.fresh_share,
        http2=options.http2,
        sign=options.sign,
    )
    is_default = options.method == DEFAULT_METHOD and not options.headers and not options.body
    if options.stack_name is not None and is_default:
        return dataclasses.replace(exchange, request=TODO_PROBE)
    return exchange
