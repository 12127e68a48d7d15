from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labs.custom_runtime.judge import faults_in, measure, tables, trouble_in
from labs.kit.invoking import Invoke, Reply, answer_in
from poster.rows.record import TargetName

RIE_LOG = """INIT REPORT(durationMs: 9.6)
22 Nov 2026 05:31:48,828 [WARNING] (rapid) Process runtime-1 exited: exit status 0
22 Nov 2026 05:31:48,829 [ERROR] (rapid) Invoke failed error=Runtime exited without providing a \
reason InvokeID=afe22c0a-f06e-40e8-b762-d248b24bf201
"""


class FakeHost:
    """Runs the three variants as Lambda would: what ends, what is told, which process answers."""

    name = "fake"
    target: TargetName = "local"

    def __init__(
        self, tells_missing_loop: bool = True, outlives: bool = True, reuses: bool = True
    ) -> None:
        self._tells = tells_missing_loop
        self._reuses = reuses
        self._outlives = outlives
        self._processes = 0

    @contextmanager
    def opened(self, function: str) -> Iterator[Invoke]:
        self._processes += 1
        variant = function.partition("Function")[0].lower()

        def invoke(event: bytes) -> Reply:
            if "withouthandler" in function.lower():
                return self._failed("Runtime.NoSuchHandler")
            if b"fail" in event:
                self._processes += variant != "hardened" or not self._outlives
                return self._failed("Handler.Failed")
            said = {"message": "ok", "marker": variant, "instanceId": str(self._processes)}
            ended = variant == "loopless"
            self._processes += ended or not self._reuses
            error = "Unhandled" if ended and self._tells else None
            return Reply(200, json.dumps(said).encode(), error, RIE_LOG if error else "")

        yield invoke

    @staticmethod
    def _failed(kind: str) -> Reply:
        payload = json.dumps({"errorType": kind, "errorMessage": "told to"}).encode()
        return Reply(200, payload, "Unhandled", "")


def test_a_right_payload_with_a_function_error_is_a_failed_call() -> None:
    reply = Reply(200, b'{"message":"ok","marker":"loopless"}', "Unhandled", "")
    answer = answer_in(reply)
    assert (answer.outcome, answer.status, answer.marker) == ("fail", 200, "loopless")
    assert answer.error == "Unhandled"


def test_an_error_without_the_header_is_a_failed_call_too() -> None:
    answer = answer_in(Reply(200, b'{"errorType":"E","errorMessage":"m"}', None, ""))
    assert (answer.outcome, answer.error) == ("fail", "E: m")


def test_the_missing_loop_shows_as_an_error_and_a_process_per_call(tmp_path: Path) -> None:
    measured = list(measure([FakeHost()], 5, tmp_path))
    whole, loopless, hardened = tables(measured, published=False)[0].rows
    told = "Runtime exited without providing a reason"
    assert whole[2:8] == ("right", "200", "none", "-", "yes", "0.2")
    assert loopless[2:8] == ("right", "200", "Unhandled (5 of 5)", told, "no", "1")
    assert hardened[2:8] == ("right", "200", "none", "-", "yes", "0.2")
    assert faults_in(measured, lambda host: True) == []


def test_only_the_hardened_process_outlives_a_failing_handler(tmp_path: Path) -> None:
    rows = tables(list(measure([FakeHost()], 2, tmp_path)))[1].rows
    assert [row[3] for row in rows] == ["no", "no", "yes"]
    assert [row[4] for row in rows] == [
        "200, Unhandled, Runtime.NoSuchHandler, told to",
        "-",
        "200, Unhandled, Runtime.NoSuchHandler, told to",
    ]


def test_a_host_that_hides_the_missing_loop_is_a_fault_where_it_must_tell(tmp_path: Path) -> None:
    measured = list(measure([FakeHost(tells_missing_loop=False)], 3, tmp_path))
    assert faults_in(measured, lambda host: True) == ["loopless on fake: 3 calls ok; want none"]
    assert faults_in(measured, lambda host: False) == []


def test_a_hardened_runtime_that_ends_with_its_handler_is_a_fault(tmp_path: Path) -> None:
    measured = list(measure([FakeHost(outlives=False)], 3, tmp_path))
    assert faults_in(measured, lambda host: True) == [
        "hardened on fake: the process did not outlive a handler's failure"
    ]


def test_on_aws_an_environment_that_is_not_used_again_is_counted_and_no_fault(
    tmp_path: Path,
) -> None:
    host = FakeHost(reuses=False)
    assert faults_in(list(measure([host], 3, tmp_path / "here")), lambda host: True) != []
    host.target = "aws"
    measured = list(measure([host], 3, tmp_path / "aws"))
    assert faults_in(measured, lambda host: True) == []
    assert tables(measured, published=False)[0].rows[0][7] == "1", "it is in the table"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (RIE_LOG, "Runtime exited without providing a reason"),
        ("RequestId: 1 Error: Runtime exited with error: exit status 3", "exit status 3"),
        ("x Process exited before completing request\n", "Process exited before completing"),
        ("INIT REPORT(status: success)\ncall of 1\n", "-"),
    ],
)
def test_the_log_says_why_an_invocation_failed(log: str, told: str) -> None:
    assert told in trouble_in(log)
