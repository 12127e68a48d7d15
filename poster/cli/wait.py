"""``poster wait``: go on only when callers really get the new version."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import click

from poster.actions.cloudfront import purge
from poster.actions.command import run
from poster.actions.versions import delete_old_versions
from poster.actions.warm import warm
from poster.aws.errors import NotThereError
from poster.cli import exit_codes
from poster.cli.exchange import exchange_options
from poster.cli.wait_report import Progress, Report
from poster.cli.wait_setup import DEFAULT_METHOD, Options, Setup, set_up
from poster.errors import PosterError
from poster.gate.waiting import Passage, wait_in_order
from poster.rows.clock import Clock, RunClock

# How an end with an error is named to machines.
OUTCOMES = {
    exit_codes.USAGE: "misconfigured",
    exit_codes.DEPLOY_FAILED: "failed-update",
    exit_codes.ERROR: "error",
    exit_codes.SUPERSEDED: "superseded",
    exit_codes.NOT_THERE: "not-there",
    exit_codes.NO_PERMISSION: "no-permission",
    exit_codes.NO_ANSWER: "no-answer",
    exit_codes.NO_VERSION: "no-version",
    exit_codes.ACTION_FAILED: "action-failed",
}

CODES = sorted({exit_codes.OK, exit_codes.TIMED_OUT, exit_codes.INTERRUPTED, *OUTCOMES})


@click.command(
    epilog=exit_codes.epilog(*CODES),
    # The options shared with `poster run` post todos there; a probe does no harm by itself.
    context_settings={"default_map": {"method": DEFAULT_METHOD, "fresh_share": 1.0}},
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="URL",
    help="Ask here; may be repeated, and all must pass.  [default: the stack's own]",
)
@click.option("--stack-name", metavar="NAME", help="This application's stack.")
@click.option("--function-name", metavar="NAME", help="Any function, of any package type.")
@click.option("--alias", metavar="NAME", help="The function's alias that callers go through.")
@click.option("--region", metavar="NAME", help="Region of the stack or function.")
@click.option(
    "--expect",
    metavar="VERSION",
    help="The version that is to come.  [default: the one that the alias is at]",
)
@click.option("--marker", metavar="MARKER", help="What the new release's answers are marked with.")
@click.option(
    "--was",
    metavar="VERSION",
    help="The version before the deploy: if it is still the one, there is nothing to wait for.",
)
@click.option("--payload", metavar="JSON", help="Ask by Invoke with this, which must do no harm.")
@click.option(
    "--stale-share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="The share of calls still answered by old code that may go unnoticed.",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.99,
    show_default=True,
    metavar="SHARE",
    help="How surely a larger share is noticed.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 10_000, min_open=True),
    default=50,
    show_default=True,
    metavar="PER_SECOND",
    help="Probes at each endpoint.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="For the whole wait.",
)
@exchange_options
@click.option(
    "--warm",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Then: call until N execution environments have answered.",
)
@click.option("--purge-cloudfront", "distribution", metavar="ID", help="Then: purge this CDN.")
@click.option("--paths", multiple=True, metavar="PATH", help="What to purge; may be repeated.")
@click.option("--wait-for-purge", is_flag=True, help="Go on when the purge is complete.")
@click.option("--then", metavar="COMMAND", help="Then: run this; its exit code is passed on.")
@click.option("--shell", is_flag=True, help="Run it in a shell.")
@click.option("--delete-old-versions", is_flag=True, help="Then: delete old published versions.")
@click.option(
    "--keep",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    metavar="N",
    help="Keep the newest N, whatever an alias names, and whatever answered a probe.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option("--print-version", is_flag=True, help="Only print the version that the alias is at.")
def wait(**given: Any) -> None:
    """Wait until callers get the new version, then act on it.

    Control plane first: the function's update is done, the version can be invoked, the alias is at
    it alone. Then callers: so many new answers in a row that a stale share of 1 % would have shown
    with 99 % confidence; any old answer starts the count again.

    \b
      was=$(poster wait --stack-name todo-sample-1 --print-version)
      sam build && sam deploy
      poster wait --stack-name todo-sample-1 --was "$was" --purge-cloudfront E123 --paths '/*'

    What follows runs only when callers get the new version, in this order: --warm,
    --purge-cloudfront, --then, --delete-old-versions. Nothing of it runs after a time-out, after
    Ctrl-C, or when there was nothing to wait for. The exit code of --then is passed on.
    """
    own = {field.name for field in dataclasses.fields(Options)}
    exchange = {name: value for name, value in given.items() if name not in own}
    options = Options(**{name: given[name] for name in own - {"exchange"}}, exchange=exchange)
    options.check()
    report = Report(options.form)
    try:
        exit_code = _wait(options, report)
    except PosterError as error:
        exit_code = error.exit_code
        report.error(OUTCOMES[exit_code], str(error))
    except KeyboardInterrupt:
        exit_code = exit_codes.INTERRUPTED
        report.error("interrupted", "interrupted; what was to follow was not done")
    report.end()
    sys.exit(exit_code)


def _wait(options: Options, report: Report) -> int:
    clock = RunClock()
    deadline_ns = clock.now_ns() + round(options.timeout * 1e9)
    if options.print_version:
        return _print_version(options, clock)
    setup = set_up(options, clock)
    with Progress() as progress:
        wait = dataclasses.replace(setup.wait(options), tell=progress.tell)
        passage = wait_in_order(
            setup.control_plane, wait, options.was or None, deadline_ns, progress.phase
        )
    report.passage(passage)
    if passage.outcome == "timed-out":
        return exit_codes.TIMED_OUT
    if passage.outcome == "nothing-to-wait-for":
        return exit_codes.OK
    return _act(options, setup, passage, report)


def _print_version(options: Options, clock: Clock) -> int:
    """Print what the alias is at; an empty line before the first deploy."""
    try:
        control_plane = set_up(options, clock).control_plane
        click.echo(control_plane.version_now() if control_plane is not None else "")
    except NotThereError:
        click.echo("")
    return exit_codes.OK


def _act(
    options: Options,
    setup: Setup,
    passage: Passage,
    report: Report,
) -> int:
    if options.warm is not None:
        for probed in setup.probed:
            warmed = warm(probed, passage.expected, options.warm, setup.clock)
            said = f"{warmed.environments} execution environments, {warmed.calls} calls"
            report.action("warmed", said, dataclasses.asdict(warmed))
    if options.distribution is not None:
        _purge(options, setup, passage, options.distribution, report)
    command = options.command()
    if command is not None:
        code = run(command, output_to_stderr=options.form == "json")
        report.action("ran", f"{options.then} (exit code {code})", {"exit_code": code})
        if code != 0:
            return code
    if options.delete_old_versions and setup.control_plane is not None:
        deletion = delete_old_versions(
            setup.client("lambda"),
            setup.control_plane.function,
            answered=passage.answered_by,
            keep=options.keep,
        )
        kept = "; ".join(f"{version} stays: {why}" for version, why in deletion.kept.items())
        said = f"{', '.join(deletion.deleted) or 'no version'} ({kept})"
        report.action("deleted", said, dataclasses.asdict(deletion))
    return exit_codes.OK


def _purge(
    options: Options, setup: Setup, passage: Passage, distribution: str, report: Report
) -> None:
    purged = purge(
        setup.client("cloudfront"),
        distribution,
        options.paths,
        reference=f"{passage.expected} {setup.clock.origin_unix_ns + passage.at_ns}",
        wait=options.wait_for_purge,
    )
    state = "complete" if purged.is_complete else "under way"
    said = f"{' '.join(purged.paths)} of {distribution} ({purged.invalidation}, {state})"
    report.action("purged", said, dataclasses.asdict(purged))
