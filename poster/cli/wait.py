"""``poster wait``: go on only when callers really get the new version."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import click

from poster.actions.cloudfront import purge
from poster.actions.command import run
from poster.actions.versions import delete_old_versions, find_old_versions
from poster.actions.warm import warm
from poster.aws.errors import BusyError
from poster.cli import exit_codes
from poster.cli.exchange import exchange_options
from poster.cli.live import quiet_option
from poster.cli.numbers import NumberRange
from poster.cli.wait_options import DEFAULT_METHOD, GroupedCommand, Options
from poster.cli.wait_report import OUTCOMES, Progress, Ran, Report
from poster.cli.wait_setup import Plan, plan
from poster.errors import PosterError
from poster.gate.waiting import Passage, wait_in_order
from poster.rows.clock import Clock, RunClock

AGAIN_AFTER_S = 1.0  # where AWS throttles what is asked before the wait

EXITS = {
    "reached": exit_codes.OK,
    "nothing-to-wait-for": exit_codes.OK,
    "timed-out": exit_codes.TIMED_OUT,
    "broken": exit_codes.BROKEN,
    "nothing-new": exit_codes.NOTHING_NEW,
}
CODES = sorted({*EXITS.values(), *OUTCOMES})


@click.command(
    cls=GroupedCommand,
    epilog=exit_codes.epilog(*CODES),
    context_settings={
        # Options shared with `poster run` post todos there; a probe does no harm by itself.
        "default_map": {"method": DEFAULT_METHOD, "fresh_share": 1.0},
        "max_content_width": 100,
    },
)
@click.option("--stack-name", metavar="NAME", help="A stack: its API, or functions with aliases.")
@click.option(
    "--function-name",
    "function_names",
    multiple=True,
    metavar="NAME[:ALIAS]",
    help="Any function; may be repeated, and all must pass at the same time.",
)
@click.option("--alias", metavar="NAME", help="The functions' alias that callers go through.")
@click.option(
    "--version", metavar="N", help="Before the alias moves: ask version N, or `newest`, itself."
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="URL",
    help="Ask here; may be repeated.  [default: the stack's own]",
)
@click.option("--payload", metavar="JSON", help="Ask by Invoke with this, which must do no harm.")
@click.option("--region", metavar="NAME", help="Region of all that is asked and done.")
@click.option("--was", metavar="VERSION", help="The version before the deploy (--print-version).")
@click.option(
    "--expect", metavar="VERSION", help="The version to come.  [default: what is not --was]"
)
@click.option("--marker", metavar="MARKER", help="What the new release's answers are marked with.")
@click.option("--require-new", is_flag=True, help="That nothing new was published is an error.")
@click.option(
    "--timeout",
    type=NumberRange(0, min_open=True),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="For the whole wait.",
)
@click.option(
    "--stale-share",
    type=NumberRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="The share of old answers that may go unnoticed.",
)
@click.option(
    "--confidence",
    type=NumberRange(0, 1, min_open=True, max_open=True),
    default=0.99,
    show_default=True,
    metavar="SHARE",
    help="How surely a larger one never passes.",
)
@click.option(
    "--max-fail-share",
    type=NumberRange(0, 1),
    default=0.02,
    show_default=True,
    metavar="SHARE",
    help="Of failed or unknown probes; 1 is no limit.",
)
@click.option(
    "--max-p99",
    type=NumberRange(0, min_open=True),
    metavar="MS",
    help="Limit of the probes' 99th percentile.  [default: none]",
)
@click.option(
    "--rate",
    type=NumberRange(0, 10_000, min_open=True),
    default=50,
    show_default=True,
    metavar="PER_SECOND",
    help="Probes at each endpoint.",
)
@click.option(
    "--warm",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Call until N execution environments have answered.",
)
@click.option("--purge-cloudfront", "distribution", metavar="ID", help="Purge this distribution.")
@click.option("--paths", multiple=True, metavar="PATH", help="What to purge; may be repeated.")
@click.option("--wait-for-purge", is_flag=True, help="Go on when the purge is complete.")
@click.option("--then", metavar="COMMAND", help="Run this; its exit code is passed on.")
@click.option("--shell", is_flag=True, help="Run it in a shell.")
@click.option("--delete-old-versions", is_flag=True, help="Delete versions that nobody uses.")
@click.option(
    "--keep",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    metavar="N",
    help="Keep the newest N of them in any case.",
)
@click.option(
    "--dry-run", is_flag=True, help="Wait and report, do nothing then, and end with 0 in any case."
)
@quiet_option
@exchange_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Sentences, or one object with every number.",
)
@click.option("--print-version", is_flag=True, help="Only print where the alias is, for --was.")
def wait(**given: Any) -> None:
    """Wait until callers get the new version, then act on it.

    Control plane first: the update is done, the version can be invoked, the alias is at it alone.
    Then callers: new answers in a row, so many that a larger share of old ones than --stale-share
    passes with probability 1 - CONFIDENCE at most, however often the count began anew.

    \b
      was=$(poster wait --stack-name todo-sample-1 --print-version)
      sam build && sam deploy
      poster wait --stack-name todo-sample-1 --was "$was" --purge-cloudfront E123 --paths '/*'

    What follows runs only when callers get the new version, in the order shown here: never after a
    time-out, after Ctrl-C, or when there was nothing to wait for.
    """
    options = Options(**given)
    options.check()
    report = Report(options.form)
    try:
        exit_code = _wait(options, report)
    except PosterError as error:
        exit_code = error.exit_code
        report.error(exit_code, str(error))
    except KeyboardInterrupt:
        report.error(exit_codes.INTERRUPTED, "interrupted; what was to follow was not done")
        report.end()
        sys.exit(exit_codes.INTERRUPTED)
    if options.dry_run:
        report.would_end(exit_code)
        exit_code = exit_codes.OK
    report.end()
    sys.exit(exit_code)


def _wait(options: Options, report: Report) -> int:
    clock = RunClock()
    deadline_ns = clock.now_ns() + round(options.timeout * 1e9)
    made = _plan(options, clock, deadline_ns)
    if options.print_version:
        return _print_version(made)
    with Progress() as progress:
        if made.is_capped:
            progress.phase(
                f"at most {made.wait.max_in_flight} probes at a time:"
                f" {'; '.join(each.sentence for each in made.concurrency)}"
            )
        passage = wait_in_order(
            made.services,
            dataclasses.replace(made.wait, tell=progress.tell),
            options.was,
            deadline_ns,
            progress.phase,
        )
    if passage.outcome == "nothing-to-wait-for" and options.require_new:
        passage = dataclasses.replace(passage, outcome="nothing-new")
    report.passage(passage, made)
    if passage.outcome == "reached":
        return _act(options, made, passage, report)
    return EXITS[passage.outcome]


def _plan(options: Options, clock: Clock, deadline_ns: int) -> Plan:
    """Return the plan; where AWS throttles, as soon as it lets us."""
    while True:
        try:
            return plan(options, clock)
        except BusyError:
            if clock.now_ns() >= deadline_ns:
                raise
            clock.sleep_until_ns(clock.now_ns() + round(AGAIN_AFTER_S * 1e9))


def _print_version(made: Plan) -> int:
    """Print where the alias is; of several functions, each with its name."""
    versions = {plane.subject.function: plane.version_now() for plane in made.planes}
    named = [f"{function}={version}" for function, version in versions.items()]
    click.echo(" ".join(named) if len(named) > 1 else next(iter(versions.values())))
    return exit_codes.OK


def _act(options: Options, made: Plan, passage: Passage, report: Report) -> int:
    if options.dry_run:
        _list_old_versions(options, made, passage, report)
        return exit_codes.OK
    if options.warm is not None:
        _warm(options.warm, made, passage, report)
    if options.distribution is not None:
        _purge(options, made, passage, options.distribution, report)
    command = options.command()
    if command is not None:
        code = run(command, output_to_stderr=options.form == "json")
        report.action("ran", f"{options.then} (exit code {code})", Ran(code))
        if code != 0:
            return code
    if options.delete_old_versions:
        for function in _functions(made):
            deletion = delete_old_versions(
                made.lambda_client, function, passage.answered_by, options.keep
            )
            report.deletion("deleted", function, deletion)
    return exit_codes.OK


def _functions(made: Plan) -> list[str]:
    return list(dict.fromkeys(plane.subject.function for plane in made.planes))


def _list_old_versions(options: Options, made: Plan, passage: Passage, report: Report) -> None:
    for function in _functions(made) if options.delete_old_versions else ():
        found = find_old_versions(made.lambda_client, function, passage.answered_by, options.keep)
        report.deletion("would delete", function, found)


def _warm(environments: int, made: Plan, passage: Passage, report: Report) -> None:
    for question in passage.questions:
        warmed = warm(
            question.probed,
            question.expected,
            environments,
            made.wait.clock,
            at_a_time=made.wait.at_a_time,
        )
        said = f"{warmed.environments} execution environments, {warmed.calls} calls"
        if warmed.environments < environments:
            said += f"; not {environments}: {'; '.join(e.sentence for e in made.concurrency)}"
        report.action("warmed", said, warmed)


def _purge(
    options: Options, made: Plan, passage: Passage, distribution: str, report: Report
) -> None:
    clock = made.wait.clock
    purged = purge(
        made.cloudfront_client,
        distribution,
        options.paths,
        reference=f"{passage.named} {clock.origin_unix_ns + passage.at_ns}",
        wait=options.wait_for_purge,
    )
    state = "complete" if purged.is_complete else "under way"
    said = f"{' '.join(purged.paths)} of {distribution} ({purged.invalidation}, {state})"
    report.action("purged", said, purged)
