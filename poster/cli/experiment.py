"""``poster experiment``: deploy releases under traffic and report what callers saw."""

from __future__ import annotations

import dataclasses
import datetime
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from poster.aws.cost import Estimate, estimate, left_per_month_usd, open_per_hour_usd
from poster.aws.stack import Stack
from poster.aws.target import AwsTarget
from poster.calls.curl_call import Exchange
from poster.calls.curl_engine import CurlEngine
from poster.calls.request import TODO_PROBE
from poster.calls.schedule import PAUSE_S, POSTERS
from poster.calls.watch import Watch
from poster.cli import doctor, exit_codes
from poster.cli.aws_stack import agree, removed_afterwards
from poster.cli.live import Narrator, quiet_option
from poster.cli.names import NameType
from poster.cli.numbers import NumberRange
from poster.cli.types import (
    FaultType,
    ParameterType,
    WayType,
    keep_option,
    lag_option,
    region_option,
    seed_option,
    target_option,
    yes_option,
)
from poster.deploy import subject
from poster.deploy.application import StagedApplication
from poster.deploy.sam_cli import SamCli
from poster.deploy.sam_tool import find_sam
from poster.deploy.samconfig import SAMCONFIG, forget_account
from poster.deploy.site import ErrorBudget, Site
from poster.deploy.ways import FORMS, Way
from poster.errors import PosterError
from poster.experiment.nine_phases import PROBE_PAUSE_S, PROBERS, Plan, Rig, run_experiment
from poster.judge.analysis import Result
from poster.local.target import LocalTarget, Propagation
from poster.report.answer import answer
from poster.report.saving import PAGE
from poster.rows.clock import RunClock, wall_clock_moved
from poster.rows.journal import HISTORY, new_run_directory
from poster.rows.tools import tool_versions

RUNS = Path("runs")
CALLS_PER_SECOND = "CallsPerSecond"  # the template's parameter
EXIT_OF_VERDICT = {
    "clean": exit_codes.OK,
    "mixed": exit_codes.OK,
    "broken": exit_codes.FAILED,
    "unknown": exit_codes.UNKNOWN,
}


@dataclasses.dataclass(frozen=True, slots=True)
class ExperimentOptions:
    """The command line, as given."""

    target: str
    posters: int
    pause: float
    deploys: int
    number: int
    application: Path | None
    name: str | None
    region: str | None
    strategy: Way
    error_budget: int
    parameters: tuple[tuple[str, str], ...]
    lag: str
    seed: int
    faults: tuple[str, ...]
    gate: bool
    keep: bool
    yes: bool
    verbose: bool

    @property
    def stack_name(self) -> str:
        """Return the stack's name; copies with different numbers share nothing."""
        return f"todo-sample-{self.number}"

    @property
    def application_folder(self) -> Path:
        """Return where the application is: where it was said, here, or what poster brings."""
        if self.application is not None:
            return self.application
        return Path() if Path("template.yaml").exists() else subject.SUBJECT

    @property
    def estimate(self) -> Estimate:
        """Return what the run takes."""
        hold_s = self.strategy.hold_s
        probers = (PROBERS, PROBE_PAUSE_S)
        return estimate(self.posters, self.pause, self.deploys, hold_s, self.gate, probers)

    @property
    def run_name(self) -> str:
        """Return what the run's folder is named after."""
        return self.name or re.sub(r"[^\w.-]", "-", self.strategy.text)


@click.command(
    epilog=exit_codes.epilog(
        exit_codes.OK,
        exit_codes.FAILED,
        exit_codes.USAGE,
        exit_codes.UNKNOWN,
        exit_codes.DEPLOY_FAILED,
        exit_codes.ERROR,
        exit_codes.INTERRUPTED,
    )
)
@target_option
@click.option(
    "--posters",
    type=click.IntRange(1, 99),
    default=POSTERS,
    show_default=True,
    help="Callers at once.",
)
@click.option(
    "--pause",
    type=NumberRange(0, 60),
    default=PAUSE_S,
    show_default=True,
    metavar="SECONDS",
    help="From an answer to the same poster's next call.",
)
@click.option(
    "--deploys",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    help="Releases deployed under the traffic.",
)
@click.option(
    "--strategy",
    type=WayType(),
    default="sam",
    show_default=True,
    metavar="NAME",
    help=f"How releases are deployed: {', '.join(FORMS)}.",
)
@click.option(
    "--error-budget",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="CALLS",
    help="canary, linear: more failed calls than this, and the alias goes back.",
)
@lag_option
@seed_option
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=FaultType(),
    metavar="NAME[:ARGUMENTS]",
    help="Local only, repeatable: what else goes wrong, as in reset:0.01.",
)
@click.option(
    "--number",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Which copy of the stack: todo-sample-NUMBER.",
)
@click.option(
    "--app",
    "application",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Folder of the SAM application.  [default: this folder, else the one that poster brings]",
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    type=ParameterType(),
    metavar="NAME=VALUE",
    help="Set a parameter of the template; repeatable.",
)
@click.option("--name", type=NameType(), help="Names the run's folder.  [default: the strategy]")
@click.option(
    "--gate",
    is_flag=True,
    help="After each deploy wait with the gate (see `poster wait`), not for a quiet time.",
)
@click.option("--verbose", is_flag=True, help="Print the whole report before the answer.")
@quiet_option
@region_option
@keep_option
@yes_option
def experiment(**given: Any) -> None:
    """Deploy releases while posters call the API, and report what the callers saw.

    Everything lands in runs/<utc>-NAME: the history, the table's rows, result.json, report.txt
    and report.html, the page. Nothing in the application's folder is changed. A clean cut and a
    mixture both end with 0.
    """
    options = ExperimentOptions(**given)
    clock = RunClock()
    options.strategy.require_target(options.target)
    parameters = _parameters(options)
    target: LocalTarget | AwsTarget
    if options.target == "aws":
        target = AwsTarget(options.region)
        _refuse_faults(options, target)
        # Nothing is written or made before the caller has agreed.
        agree(
            target,
            options.stack_name,
            options.estimate.usd,
            left_per_month_usd(int(parameters.get("ProvisionedConcurrency", 0))),
            asked=not options.yes,
            more=_said_of(options, parameters),
        )
    else:
        target = LocalTarget(Propagation(options.lag, options.seed, options.faults))
    directory = new_run_directory(RUNS, options.run_name, datetime.datetime.now(datetime.UTC))
    with _what_is_kept(directory):
        result = _run(options, parameters, target, directory, clock)
    if options.verbose:
        click.echo((directory / "report.txt").read_text(encoding="utf-8"))
    click.echo(answer(result, f"open {directory / PAGE}", f"poster report {directory}"), nl=False)
    sys.exit(EXIT_OF_VERDICT[result.verdict])


@contextmanager
def _what_is_kept(directory: Path) -> Iterator[None]:
    """Say what there is to read of a run that did not come to its end."""
    try:
        yield
    except BaseException:
        has_history = (directory / HISTORY).exists()
        kept = f"poster report {directory}" if has_history else "no call was made yet"
        click.echo(f"Kept: {directory} ({kept})", err=True)
        raise


def _parameters(options: ExperimentOptions) -> dict[str, str]:
    """Return what of the template is set. Raises click.UsageError for what it does not have."""
    given = dict(options.parameters)
    template = options.application_folder / "template.yaml"
    known = StagedApplication(options.application_folder).parameters() if template.exists() else {}
    for name in given:
        if name not in known:
            raise click.UsageError(f"{template} has no parameter {name}; it has {', '.join(known)}")
    ours = {"Number": str(options.number), CALLS_PER_SECOND: str(options.estimate.calls_per_s)}
    return {name: value for name, value in ours.items() if name in known} | given


def _refuse_faults(options: ExperimentOptions, target: AwsTarget) -> None:
    """Show what `poster doctor` finds. Raises PosterError for what would break the run."""
    looked = doctor.account(
        target, options.application_folder, options.stack_name, options.estimate.hours
    )
    found = list(looked)
    doctor.show(found)
    for each in found:
        if each.name == "identity" and each.grade == "fault":
            target.identity()  # raises what it found, with its exit code
        if each.grade == "fault":
            raise PosterError(f"{each.name}: {each.said}")


def _said_of(options: ExperimentOptions, parameters: dict[str, str]) -> list[tuple[str, str]]:
    """Return what else the caller is to know before anything is made."""
    lines = [("Takes", f"about {options.estimate.hours * 60:.0f} minutes")]
    if parameters.get("Authorization", "NONE") == "NONE":
        calls_per_s = int(parameters.get(CALLS_PER_SECOND, 10_000))
        lines.append(
            (
                "Open",
                f"whoever knows the URL can write to it, up to {calls_per_s} calls/s (USD"
                f" {open_per_hour_usd(calls_per_s):.2f} an hour); --parameter"
                " Authorization=AWS_IAM closes it",
            )
        )
    return lines


def _run(
    options: ExperimentOptions,
    parameters: dict[str, str],
    target: LocalTarget | AwsTarget,
    directory: Path,
    clock: RunClock,
) -> Result:
    watch = Watch()
    with Narrator() as narrator, ExitStack() as opened:
        if options.application_folder == subject.SUBJECT != Path().resolve():
            narrator.phase("no template.yaml here: the application is the one that poster brings")
        sam = find_sam(narrator.phase)
        if isinstance(target, LocalTarget):
            narrator.phase("starting the local AWS")
            opened.enter_context(target)
        site = Site(
            application=_staged(options, target, directory / "app"),
            sam=SamCli(sam, target.environment, directory / "sam.log"),
            stack=Stack(options.stack_name, target),
            parameters=parameters,
            clock=clock,
            budget=ErrorBudget(options.error_budget, failed=lambda: watch.failed),
        )
        rig = Rig(target, site, options.strategy, _engine, watch, narrator)
        if isinstance(target, AwsTarget):
            opened.enter_context(
                removed_afterwards(
                    site.stack, target.region, site.sam, site.application, options.keep
                )
            )
        result = run_experiment(_plan(options, target, directory), rig)
        if moved := wall_clock_moved(clock):
            narrator.phase(moved)
        return result


def _plan(options: ExperimentOptions, target: LocalTarget | AwsTarget, directory: Path) -> Plan:
    settings: dict[str, Any] = {
        "strategy": options.strategy.text,
        "parameters": dict(options.parameters),
    }
    if isinstance(target, LocalTarget):
        settings["propagation"] = target.propagation.as_setting()
    return Plan(
        directory,
        options.posters,
        options.pause,
        options.deploys,
        is_gated=options.gate,
        settings=settings,
        tools=tool_versions(),
    )


def _staged(
    options: ExperimentOptions, target: LocalTarget | AwsTarget, into: Path
) -> StagedApplication:
    application = StagedApplication.copy_of(options.application_folder, into)
    if isinstance(target, LocalTarget):
        forget_account(application.path / SAMCONFIG)
    return application


def _engine(exchange: Exchange) -> CurlEngine:
    probe = Exchange(TODO_PROBE, fresh_share=1.0, sign=exchange.sign)
    return CurlEngine(exchange, probe=probe)
