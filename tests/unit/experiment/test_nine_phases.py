"""The nine phases, with fakes in the place of the engine, the deployer and the account."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from poster.aws.errors import NoPermissionError
from poster.aws.stack import Outputs
from poster.calls.engine import Emit, Load
from poster.calls.watch import Watch
from poster.deploy.release import DeployError, Release
from poster.deploy.site import Site
from poster.deploy.ways import Way
from poster.experiment.nine_phases import ExperimentError, Plan, Rig, run_experiment
from poster.rows.clock import Clock, RunClock
from poster.rows.record import Observation, Run, Step, decode


class World:
    """What a release is to callers and to the control plane: here they agree at once."""

    name = "local"
    environment: dict[str, str] = {"AWS_REGION": "us-east-1"}  # noqa: RUF012
    through_proxies = False

    def __init__(self) -> None:
        self.marker = ""
        self.credentials_expire = False
        self.items: list[dict[str, Any]] = []

    def client(self, service: str) -> Any:
        raise AssertionError("the experiment talks to AWS through the stack")

    def reachable(self, api_endpoint: str) -> str:
        return api_endpoint

    def settled_unix_ns(self) -> int | None:
        return None


class FakeStack:
    name = "todo-sample-1"

    def __init__(self, world: World) -> None:
        self._world = world

    def client(self, service: str) -> Any:
        raise botocore.exceptions.BotoCoreError  # what is not needed may be refused

    def physical_id(self, resource_type: str) -> str | None:
        return None

    def used_table(self) -> str | None:
        return "todo-sample-1-table" if self._world.items else None

    def outputs(self) -> Outputs:
        return Outputs("http://here/todo", "fn", "Sample", "todo-sample-1-table", str)

    def rows(self, outputs: Outputs) -> Iterator[dict[str, Any]]:
        yield from self._world.items

    def log_group(self, outputs: Outputs) -> str:
        if self._world.credentials_expire:
            raise NoPermissionError("the credentials have expired: sign in again")
        return "/todo"

    def log_streams(self, log_group: str) -> list[str]:
        return ["one", "two"]


class FakeDeployer:
    def __init__(self, world: World, clock: Clock, fails_at: str | None = None) -> None:
        self._world = world
        self._clock = clock
        self._fails_at = fails_at
        self._versions = itertools.count(1)

    def deploy(self, release: Release, site: Site) -> Generator[Step, None, None]:
        yield Step("deploy-started", self._clock.now_ns())
        if release.marker == self._fails_at:
            yield Step("deploy-failed", self._clock.now_ns())
            raise DeployError("rolled back")
        version = next(self._versions)
        before = str(version - 1) if version > 1 else None
        yield Step("alias-updated", self._clock.now_ns(), {"from": before, "to": str(version)})
        self._world.marker = release.marker


class FakeEngine:
    """Calls every millisecond; every answer is written to the table."""

    def __init__(self, world: World, breaks_after: int | None = None) -> None:
        self._world = world
        self._breaks_after = breaks_after

    def run(self, load: Load, clock: Clock, emit: Emit, stop: threading.Event) -> None:
        for seq in itertools.count(1):
            if stop.is_set():
                return
            if seq == self._breaks_after:
                raise OSError("disk full")
            todo_id, at_ns, marker = (
                f"{load.id_prefix}t01-{seq:04d}",
                clock.now_ns(),
                self._world.marker,
            )
            self._world.items.append(
                {"todoId": todo_id, "title": "t", "createdAt": 1, "lambda": marker}
            )
            emit(Observation(seq, 1, todo_id, at_ns, at_ns, at_ns, "ok", 200, marker=marker))
            time.sleep(0.001)


class Silent:
    def phase(self, sentence: str) -> None: ...

    def step(self, step: Step) -> None: ...

    def observed(self, observation: Observation) -> None: ...


def run(tmp_path: Path, world: World, **parts: Any) -> Path:
    clock = RunClock()
    directory = tmp_path / "runs" / "one"
    directory.mkdir(parents=True)
    plan = Plan(directory, 1, 0.0, parts.pop("deploys", 2), quiet_s=0.05, take_over_timeout_s=5)
    engine = FakeEngine(world, parts.pop("breaks_after", None))
    deploy = FakeDeployer(world, clock, **parts).deploy
    way = Way("fake", deploy, first=deploy)
    site = Site(None, None, FakeStack(world), {}, clock)
    run_experiment(plan, Rig(world, site, way, lambda exchange: engine, Watch(), Silent()))
    return directory


def rows_of(directory: Path) -> list[Run | Observation | Step]:
    return [decode(line) for line in (directory / "history.jsonl").read_text().splitlines()]


def test_every_release_is_deployed_in_order_and_everything_is_saved(tmp_path: Path) -> None:
    directory = run(tmp_path, World(), deploys=5)
    header, *rows = rows_of(directory)
    assert isinstance(header, Run)
    named = [release["marker"] for release in header.settings["releases"]]
    assert named == ["aaa", "xxx", "yyy", "zzzzz", "r5", "r6"]
    answered = [row.marker for row in rows if isinstance(row, Observation)]
    assert [marker for marker, _ in itertools.groupby(answered)] == named
    assert {path.name for path in directory.iterdir()} >= {
        *("history.jsonl", "rows.jsonl", "result.json", "report.txt", "log_streams.txt"),
    }
    assert (tmp_path / "runs" / "latest").resolve() == directory.resolve()


def test_a_deploy_that_fails_under_traffic_keeps_the_history(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="rolled back"):
        run(tmp_path, World(), fails_at="xxx")
    rows = rows_of(tmp_path / "runs" / "one")
    assert "deploy-failed" in [row.name for row in rows if isinstance(row, Step)]
    assert {row.marker for row in rows if isinstance(row, Observation)} == {"aaa"}


def test_a_first_deploy_that_fails_makes_no_call(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="rolled back"):
        run(tmp_path, World(), fails_at="aaa")
    assert not (tmp_path / "runs" / "one" / "history.jsonl").exists()


def test_a_release_that_callers_never_get_ends_the_run(tmp_path: Path) -> None:
    class Stuck(World):
        marker = property(lambda self: "aaa", lambda self, value: None)

    with pytest.raises(ExperimentError, match="did not get only release xxx"):
        run(tmp_path, Stuck())


def test_what_broke_the_posting_is_raised_not_the_wait_that_it_ended(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk full"):
        run(tmp_path, World(), breaks_after=30)


def test_rows_of_an_earlier_run_are_refused_before_anything_is_deployed(tmp_path: Path) -> None:
    world = World()
    world.items.append({"todoId": "t01-0001"})
    with pytest.raises(ExperimentError, match="holds rows of an earlier run") as refused:
        run(tmp_path, world)
    assert "sam delete --stack-name todo-sample-1 --region us-east-1" in str(refused.value)
    assert world.marker == "", "nothing was deployed"


def test_on_a_stack_in_an_account_todo_ids_are_the_runs_own(tmp_path: Path) -> None:
    world = World()
    world.name = "aws"
    header, *rows = rows_of(run(tmp_path, world))
    assert isinstance(header, Run)
    prefix = header.settings["id_prefix"]
    assert len(prefix) > 8
    called = [row.todo_id for row in rows if isinstance(row, Observation)]
    assert called
    assert all(each.startswith(f"{prefix}t01-") for each in called)


def test_in_an_account_what_aws_knows_is_collected_too_and_nothing_depends_on_it(
    tmp_path: Path,
) -> None:
    world = World()
    world.name = "aws"
    directory = run(tmp_path, world)
    assert "metrics.jsonl, not collected: " in (directory / "report.txt").read_text()
    assert (directory / "rows.jsonl").exists()


def test_on_a_fresh_local_table_todo_ids_are_as_published(tmp_path: Path) -> None:
    _, *rows = rows_of(run(tmp_path, World()))
    assert next(row for row in rows if isinstance(row, Observation)).todo_id == "t01-0001"


def test_credentials_that_expire_pause_the_collecting_and_not_the_run(tmp_path: Path) -> None:
    world = World()
    world.credentials_expire = True
    with pytest.raises(ExperimentError, match=r"sign in again; then run: poster collect .*one$"):
        run(tmp_path, world)
    assert (tmp_path / "runs" / "one" / "result.json").exists()
