"""What follows the gate: a purge, warm environments, old versions, a command."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import WaiterError
from fake_gate import answer
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from poster.actions.cloudfront import purge
from poster.actions.command import run, words_of
from poster.actions.errors import ActionError
from poster.actions.versions import choose, delete_old_versions, find_old_versions
from poster.actions.warm import ROUNDS, warm
from poster.calls.curl_call import Exchange
from poster.calls.engine import Emit, Load, Stop
from poster.calls.probe import Probed
from poster.gate.tally import Expected
from poster.rows.clock import Clock
from tests.support.lambda_api import FakeClock, FakeLambda, refusal

HERE = Probed("here", "http://127.0.0.1:9", Exchange())


class FakeCloudFront:
    def __init__(self, status: str = "InProgress", refused: str | None = None) -> None:
        self.status = status
        self.refused = refused
        self.made: dict[str, Any] = {}
        self.completes = True

    def create_invalidation(self, **parameters: Any) -> dict[str, Any]:
        if self.refused is not None:
            raise refusal("CreateInvalidation", self.refused)
        self.made = parameters
        created = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        return {"Invalidation": {"Id": "I1", "Status": self.status, "CreateTime": created}}

    def get_waiter(self, name: str) -> FakeCloudFront:
        assert name == "invalidation_completed"
        return self

    def wait(self, **parameters: Any) -> None:
        assert (parameters["DistributionId"], parameters["Id"]) == ("E1", "I1")
        if not self.completes:
            raise WaiterError("InvalidationCompleted", "Max attempts exceeded", {})


def test_a_purge_names_its_paths_and_itself() -> None:
    client = FakeCloudFront()
    purged = purge(client, "E1", ["/*", "/todo"], "version 2 at 7", wait=False)
    assert client.made["InvalidationBatch"] == {
        "Paths": {"Quantity": 2, "Items": ["/*", "/todo"]},
        "CallerReference": "version 2 at 7",
    }
    assert (purged.invalidation, purged.is_complete) == ("I1", False)
    assert purge(client, "E1", ["/*"], "again", wait=True).is_complete


def test_a_purge_that_is_refused_or_does_not_end_is_an_action_that_failed() -> None:
    with pytest.raises(ActionError, match=r"distribution E1 was not purged: .*NoSuchDistribution"):
        purge(FakeCloudFront(refused="NoSuchDistribution"), "E1", ["/*"], "r", wait=False)
    client = FakeCloudFront()
    client.completes = False
    with pytest.raises(ActionError, match="invalidation I1 of distribution E1 was made, but"):
        purge(client, "E1", ["/*"], "r", wait=True)


versions = st.sets(st.integers(1, 40).map(str))


@given(versions, versions, versions, st.integers(1, 5))
def test_no_version_goes_that_a_caller_may_still_reach(
    there: set[str], used: set[str], answered: set[str], keep: int
) -> None:
    odd = {"$LATEST.PUBLISHED"}
    chosen = choose(there | odd, dict.fromkeys(used, "used"), answered, keep)
    gone = set(chosen.deleted)
    assert gone | set(chosen.kept) == there | odd
    assert len(chosen.kept) >= min(keep, len(there))
    newest = sorted(there, key=int)[-keep:]
    assert gone == there - used - answered - set(newest)


def test_old_versions_are_deleted_page_by_page_oldest_first() -> None:
    aws = FakeLambda(FakeClock(), "12", v3=0.1)
    aws.states = dict.fromkeys(["12", "11", "10", "9", "3", "2", "1"], "Active")
    done = delete_old_versions(aws, "todo", answered={"9", "12"}, keep=2)
    assert aws.deleted == list(done.deleted) == ["1", "2", "10"]
    assert done.kept == {
        "12": "one of the newest 2",
        "11": "one of the newest 2",
        "9": "it answered a probe",
        "3": "an alias names it",
    }


def test_a_version_that_something_names_by_its_number_stays_with_the_reason() -> None:
    aws = FakeLambda(FakeClock(), "12")
    aws.states = dict.fromkeys(["12", "11", "$LATEST.PUBLISHED", "5", "4", "3", "2", "1"], "Active")
    aws.uses = {"4": "event source", "3": "provisioned", "2": "url", "1": "policy"}
    assert find_old_versions(aws, "todo", answered=set(), keep=2).deleted == ("5",)
    assert aws.deleted == [], "it only looks"
    done = delete_old_versions(aws, "todo", answered=set(), keep=2)
    assert aws.deleted == ["5"]
    assert done.kept == {
        "$LATEST.PUBLISHED": "its name is no number",
        "12": "one of the newest 2",
        "11": "one of the newest 2",
        "4": "an event source calls it",
        "3": "it has provisioned concurrency",
        "2": "it has a URL",
        "1": "it has permissions of its own",
    }


def test_who_may_not_see_what_uses_a_version_deletes_none() -> None:
    aws = FakeLambda(FakeClock(), "12")
    aws.states = dict.fromkeys(["12", "11", "1"], "Active")
    aws.refuse["ListEventSourceMappings"] = "AccessDeniedException"
    with pytest.raises(ActionError, match="no version of function todo deleted"):
        delete_old_versions(aws, "todo", answered=set(), keep=2)
    assert aws.deleted == []


def test_a_deletion_that_is_refused_says_what_was_done() -> None:
    aws = FakeLambda(FakeClock(), "12")
    aws.states = dict.fromkeys(["12", "11", "2", "1"], "Active")
    aws.refuse["DeleteFunction"] = "AccessDeniedException"
    with pytest.raises(ActionError, match=r"no version of function todo deleted, then: .*refused"):
        delete_old_versions(aws, "todo", answered=set(), keep=2)


class FakeEngine:
    """Every ``busy`` calls at once are served by one more environment."""

    def __init__(self, limit: int, names: bool = True, version: str = "2") -> None:
        self.limit = limit
        self.names = names
        self.version = version

    def run(self, load: Load, clock: Clock, emit: Emit, stop: Stop) -> None:
        calls = load.loop.calls  # type: ignore[union-attr]
        assert load.loop.max_in_flight == calls
        for seq in range(1, (calls or 0) + 1):
            observation = answer(seq, seq, seq + 1, self.version)
            instance_id = f"i{seq % self.limit}" if self.names else None
            emit(structs.replace(observation, instance_id=instance_id))


def test_warming_ends_when_enough_environments_have_answered() -> None:
    warmed = warm(HERE, Expected("2"), 5, FakeClock(), FakeEngine(limit=100))
    assert (warmed.environments, warmed.calls) == (5, 5)


def test_warming_asks_for_no_more_at_a_time_than_the_concurrency_allows() -> None:
    engine = FakeEngine(limit=100)
    warmed = warm(HERE, Expected("2"), 50, FakeClock(), engine, at_a_time=4)
    assert (warmed.environments, warmed.calls) == (4, 4)


@pytest.mark.parametrize(
    ("engine", "sentence"),
    [
        (FakeEngine(limit=3), "answered by 3 execution environments of version 2, not by 5"),
        (FakeEngine(limit=9, version="1"), "answered by 0 execution environments of version 2"),
        (FakeEngine(limit=9, names=False), "do not name their execution environment"),
    ],
)
def test_warming_that_cannot_succeed_ends(engine: FakeEngine, sentence: str) -> None:
    with pytest.raises(ActionError, match=sentence):
        warm(HERE, Expected("2"), 5, FakeClock(), engine)
    assert ROUNDS < 20


def test_a_command_gets_its_words_and_no_shell(tmp_path: Any) -> None:
    out = tmp_path / "out"
    code = f"import sys; open({str(out)!r}, 'w').write(repr(sys.argv[1:]))"
    words = words_of(f"{sys.executable} -c \"{code}\" '$HOME' a\\ b ';' exit")
    assert run(words) == 0
    assert out.read_text() == "['$HOME', 'a b', ';', 'exit']"


def test_a_commands_exit_code_is_passed_on() -> None:
    assert run([sys.executable, "-c", "raise SystemExit(7)"]) == 7
    assert run("exit 9") == 9
    assert run("kill -9 $$") == 137


@pytest.mark.parametrize(
    ("command", "sentence"),
    [("no-such-command x", "no command 'no-such-command'"), ("'", "cannot split"), ("", "empty")],
)
def test_a_command_that_cannot_run_is_refused_before_the_wait(command: str, sentence: str) -> None:
    with pytest.raises(ActionError, match=sentence):
        words_of(command)


def test_a_command_is_interrupted_with_us_and_waited_for() -> None:
    script = (
        "import subprocess, sys\n"
        "from poster.actions.command import run\n"
        "try:\n"
        "    run([sys.executable, '-c', sys.argv[1]])\n"
        "except KeyboardInterrupt:\n"
        "    print('ended')\n"
    )
    child = (
        "import time\n"
        "print('begun', flush=True)\n"
        "try: time.sleep(30)\n"
        "except KeyboardInterrupt: print('told', flush=True)\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", script, child], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    time.sleep(0.2)
    running.send_signal(signal.SIGINT)  # to us alone, as a TERM would be
    timer = threading.Timer(10, running.kill)
    timer.start()
    assert running.stdout.read() == "told\nended\n"
    timer.cancel()
    running.wait()
