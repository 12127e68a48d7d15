"""Calls, by themselves or around a deploy: the options of the deploy, the wiring, the exit code."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from poster.aws.any_stack import function_of
from poster.aws.errors import AwsError, NotThereError
from poster.aws.stack import StackError
from poster.aws.target import AwsTarget
from poster.aws.watcher import Watcher
from poster.calls.curl_call import Exchange
from poster.calls.curl_engine import CurlEngine
from poster.calls.engine import Load
from poster.calls.posting import Posting
from poster.calls.refusal import why
from poster.calls.schedule import OpenLoop
from poster.cli import exit_codes, extras
from poster.cli.endpoint import Api
from poster.cli.live import Narrator
from poster.cli.numbers import NumberRange
from poster.cli.report_options import Wanted
from poster.experiment.command import LOG, require
from poster.experiment.deploying import Deploying, Watched
from poster.experiment.settling import Rule, Settling
from poster.experiment.traffic import Traffic
from poster.report.plain import plain
from poster.rows.address import shown
from poster.rows.clock import RunClock, wall_clock_moved
from poster.rows.journal import Journal
from poster.rows.record import Observation, Step

# So that a handful of failures afterwards can be told from what there was before.
BASELINE_ANSWERS = 100
SETTLE_TIMEOUT_S = 300.0
_OPTIONS = (
    click.option(
        "--until-settled",
        is_flag=True,
        help="Stop when callers get only a new release, deployed elsewhere meanwhile.",
    ),
    click.option(
        "--quiet-for",
        "quiet_s",
        type=NumberRange(0, min_open=True),
        metavar="SECONDS",
        help="Around a deploy: settled when only the new release answered for so long."
        "  [default: for as many answers as the gate takes]",
    ),
    click.option(
        "--settle-timeout",
        "settle_timeout_s",
        type=NumberRange(0, min_open=True),
        default=SETTLE_TIMEOUT_S,
        show_default=True,
        metavar="SECONDS",
        help="Around a deploy: stop waiting for callers after this time; the rows then decide.",
    ),
    click.option(
        "--function-name",
        metavar="NAME",
        help="Around a deploy: watch this function, and write what changes as steps.",
    ),
    click.option("--alias", metavar="NAME", help="With --function-name: watch its alias too."),
    click.option(
        "-q", "--quiet", is_flag=True, help="Leave the command's output to the run's folder."
    ),
)


def deploy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a deploy that goes on meanwhile."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclasses.dataclass(frozen=True, slots=True)
class DeployOptions:
    """The deploy, as the command line gives it."""

    command: tuple[str, ...]
    until_settled: bool
    quiet_s: float | None
    settle_timeout_s: float
    function_name: str | None
    alias: str | None
    quiet: bool

    @property
    def is_around(self) -> bool:
        """Whether the calls go around a deploy, and end with it."""
        return bool(self.command) or self.until_settled

    def check(self, wanted: Wanted, has_end: bool) -> None:
        """Refuse what makes no sense, before anything is done."""
        if self.command and self.until_settled:
            raise click.UsageError("--until-settled is for a deploy that is started elsewhere")
        if self.alias is not None and self.function_name is None:
            raise click.UsageError("--alias needs --function-name")
        if not self.is_around:
            if wanted.is_asked_for or self.quiet_s is not None or self.function_name is not None:
                raise click.UsageError(
                    "a report, budgets and a watched function go with a command after `--` or with"
                    " --until-settled; otherwise see `poster report`"
                )
            return
        if has_end:
            raise click.UsageError(
                "around a deploy the calls end with it: leave --duration and --calls away"
            )
        if self.command:
            require(self.command)
        extras.require("report", "judging a deploy")

    def judged(self, directory: Path, wanted: Wanted, exit_code: int) -> int:
        """Print the report and return how the command ends; a failed deploy stays one."""
        # Needs the libraries of an extra.
        from poster.cli.report import exit_code_of, tell
        from poster.judge.analysis import analyse
        from poster.report.saving import PAGE, SavingError, save
        from poster.rows import loading

        history = loading.load(directory)
        result = analyse(history, loading.load_rows(directory))
        saved = exit_codes.OK
        try:
            # First of all: a disk that is full does not keep the answer from who waits for it.
            judged = exit_code_of(tell(result, history, wanted, None))
        finally:
            try:
                save(result, history, directory)
                click.echo(f"{directory / PAGE}", err=True)
            except SavingError as error:
                click.echo(f"Error: {plain(error)}", err=True)
                saved = error.exit_code
        if not wanted.budgets:
            verdicts = {"broken": exit_codes.FAILED, "unknown": exit_codes.UNKNOWN}
            judged = verdicts.get(result.verdict, exit_codes.OK)
        return exit_code or judged or saved


@dataclasses.dataclass(frozen=True, slots=True)
class Calling:
    """The calls, and where their rows go."""

    load: Load
    exchange: Exchange
    clock: RunClock
    journal: Journal
    duration_s: float | None

    def around(self, deploy: DeployOptions, api: Api, region: str | None, directory: Path) -> int:
        """Call around the deploy or, where there is none, for the duration; return an exit code."""
        settling = Settling(Rule(quiet_s=deploy.quiet_s))
        traffic = Traffic(settling)
        method = self.exchange.request.method
        rows: list[Observation] = []  # of one turn of the engine
        with ExitStack() as opened:
            narrator = opened.enter_context(Narrator(lambda failed: why(failed, method)))

            def after_turn() -> None:
                if rows:
                    self.journal.write_all(rows)
                    traffic.saw_all(rows)
                    narrator.observed_all(rows)
                    rows.clear()

            def emit_step(step: Step) -> None:
                self.journal.write(step)
                narrator.step(step)

            if deploy.is_around:
                self._watch(deploy, api, region, emit_step, narrator, opened)
            engine = CurlEngine(self.exchange, emit_step, after_turn)
            narrator.phase(f"calling {shown(self.load.endpoint)}: {method}")
            posting = Posting(engine, self.load, self.clock, rows.append, traffic.end)
            deploying = Deploying(
                traffic,
                self.clock,
                emit_step,
                narrator.phase,
                lambda failed: why(failed, method),
                BASELINE_ANSWERS,
                deploy.settle_timeout_s,
            )
            exit_code = self._posting(posting, deploying, deploy, directory, narrator)
            if moved := wall_clock_moved(self.clock):
                narrator.phase(moved)
        if exit_code == exit_codes.OK and settling.calls and not settling.ok:
            click.echo(
                f"Error: none of {settling.calls} calls was answered ok:"
                f" {plain(why(settling.last_failed, method))}",
                err=True,
            )
            return exit_codes.NO_ANSWER
        return exit_code

    def _posting(
        self,
        posting: Posting,
        deploying: Deploying,
        deploy: DeployOptions,
        directory: Path,
        narrator: Narrator,
    ) -> int:
        try:
            with posting:
                try:
                    if deploy.command:
                        say = (lambda line: None) if deploy.quiet else narrator.said_by_command
                        watched = deploying.under_traffic(deploy.command, directory / LOG, say)
                        return _told(watched, narrator, shows_output=deploy.quiet)
                    if deploy.until_settled:
                        return _told(deploying.elsewhere(), narrator, shows_output=False)
                    # An open loop ends by itself, after its last planned call.
                    is_open = isinstance(self.load.loop, OpenLoop)
                    posting.wait(None if is_open else self.duration_s)
                except KeyboardInterrupt:
                    narrator.phase("draining calls in flight; Ctrl-C again to leave them")
                    return exit_codes.INTERRUPTED if self._has_end or deploy.is_around else 0
        except KeyboardInterrupt:
            posting.leave()  # a second one may have come before the block's end could deal with it
            return exit_codes.INTERRUPTED
        return exit_codes.OK

    @property
    def _has_end(self) -> bool:
        loop = self.load.loop
        return self.duration_s is not None or (
            isinstance(loop, OpenLoop) and loop.calls is not None
        )

    def _watch(
        self,
        deploy: DeployOptions,
        api: Api,
        region: str | None,
        emit_step: Callable[[Step], None],
        narrator: Narrator,
        opened: ExitStack,
    ) -> None:
        """Watch the function where one is named and AWS lets us; say why where it does not."""
        try:
            if deploy.function_name is not None:
                function, alias = deploy.function_name, deploy.alias
                client = AwsTarget(region).client("lambda")
            elif api.stack is not None:
                function, alias = function_of(api.stack)
                client = api.stack.client("lambda")
            else:
                return
            watcher = Watcher(client, function, alias, self.clock, emit_step, narrator.phase)
        except NotThereError:
            raise
        except (AwsError, StackError) as error:
            narrator.phase(f"not watching the function: {error}")
            return
        opened.enter_context(watcher)


def _told(watched: Watched, narrator: Narrator, shows_output: bool) -> int:
    """Say how the deploy went; return the exit code that this alone gives."""
    if watched.ended == "timed-out":
        narrator.phase("callers did not settle in time; the rows say how far they came")
    elif watched.ended == "unchanged":
        narrator.phase("callers get only what they got before the deploy")
    if watched.exit_code == 0:
        return exit_codes.OK
    for line in watched.last_lines if shows_output else ():
        narrator.said_by_command(line)
    how = _how_it_ended(watched.exit_code)
    narrator.phase(f"the command {how}; the calls around it are judged all the same")
    return exit_codes.DEPLOY_FAILED


def _how_it_ended(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:  # a real-time signal
        return f"was ended by signal {-exit_code}"
