"""Contrary answers, as boto3 and our own calls get them; MiniStack is a dictionary here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import botocore.parsers
import botocore.session
import pytest

from poster.calls.answer import read_answer
from rehearsal import contrary
from rehearsal.aws import Contrary, Forward
from rehearsal.calls import Call
from rehearsal.proxy import Answer, Request

ARN = "arn:aws:lambda:us-east-1:000000000000:function:todo"


class Account:
    """What is asked of it, and an alias and a function that answer."""

    def __init__(self, contrary: Contrary) -> None:
        self.contrary = contrary
        self.version = "1"
        self.reached: list[str] = []

    def ask(self, operation: str, service: str = "lambda", **names: str) -> tuple[int, Any]:
        named = {"FunctionName": "todo", **names}
        call = Call(service, operation, named)
        request = Request(
            "test", "GET", f"{service}.amazonaws.com", f"/{operation}{names}", (), b""
        )
        answer = self.contrary(request, call, self._forward)
        return answer.status, json.loads(answer.body)

    def alias(self) -> dict[str, Any]:
        return dict(self.ask("GetAlias", Name="live")[1])

    def _forward(self, request: Request) -> Answer:
        self.reached.append(request.path)
        said = {"FunctionVersion": self.version, "LastUpdateStatus": "Successful"}
        return Answer(200, (("Content-Length", "9"),), json.dumps(said).encode())


class Clock:
    """The time for contrary answers; it passes when a test says so."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(contrary, "time", clock)
    return clock


def test_a_read_shows_the_state_before_for_a_while_and_not_always(clock: Clock) -> None:
    account = Account(contrary.StaleReads(seconds=0.1, share=0.5, seed=1))
    assert account.alias()["FunctionVersion"] == "1"
    account.version = "2"
    assert {account.alias()["FunctionVersion"] for _ in range(20)} == {"1", "2"}
    clock.now_s += 0.11
    assert {account.alias()["FunctionVersion"] for _ in range(20)} == {"2"}


def test_an_update_takes_its_time_in_which_nothing_can_be_changed(clock: Clock) -> None:
    account = Account(contrary.UpdateInProgress(seconds=0.1))
    assert account.ask("UpdateFunctionCode")[1]["LastUpdateStatus"] == "InProgress"
    assert account.ask("GetFunctionConfiguration")[1]["LastUpdateStatus"] == "InProgress"
    status, said = account.ask("PublishVersion", FunctionName=ARN)
    assert (status, said["__type"]) == (409, "ResourceConflictException")
    one = account.ask("GetFunctionConfiguration", Qualifier="1")[1]
    assert one["LastUpdateStatus"] == "Successful", "a version is not updated"
    clock.now_s += 0.11
    assert account.ask("GetFunctionConfiguration")[1]["LastUpdateStatus"] == "Successful"
    assert account.ask("PublishVersion")[0] == 200


def test_all_weight_stays_on_the_old_version_for_a_while_beside_the_new_one(clock: Clock) -> None:
    account = Account(contrary.ProvisionedWeights(seconds=0.1))
    assert "RoutingConfig" not in account.alias()
    account.version = "2"
    moved = account.alias()
    assert moved["FunctionVersion"] == "2"
    assert moved["RoutingConfig"] == {"AdditionalVersionWeights": {"1": 1.0}}
    clock.now_s += 0.11
    assert "RoutingConfig" not in account.alias()


def test_a_version_that_is_no_number_is_listed() -> None:
    listed = Answer(200, (), b'{"Versions": [{"Version": "$LATEST"}]}')
    call = Call("lambda", "ListVersionsByFunction", {})
    answer = contrary.latest_published(REQUEST, call, answering(listed))
    assert [each["Version"] for each in json.loads(answer.body)["Versions"]] == [
        "$LATEST",
        "$LATEST.PUBLISHED",
    ]


REQUEST = Request("test", "POST", "lambda.us-east-1.amazonaws.com", "/", (), b"")
OK = Answer(200, (), b"")


def answering(answer: Answer) -> Forward:
    return lambda request: answer


def test_a_share_is_refused_the_same_for_the_same_seed() -> None:
    def outcomes(seed: int) -> list[int]:
        account = Account(contrary.lambda_throttle(share=0.3, seed=seed))
        return [account.ask("GetFunction")[0] for _ in range(200)]

    assert outcomes(1) == outcomes(1) != outcomes(2)
    assert 30 < outcomes(1).count(429) < 90


def test_only_the_first_few_are_refused_and_invokes_are_no_control_calls() -> None:
    throttle = contrary.lambda_throttle(most=2)
    account = Account(throttle)
    assert account.ask("Invoke")[0] == 200
    assert [account.ask("GetFunction")[0] for _ in range(4)] == [429, 429, 200, 200]
    assert throttle.given == 2


@pytest.mark.parametrize(
    ("service", "operation", "answers", "code", "status"),
    [
        ("lambda", "GetAlias", contrary.lambda_throttle, "TooManyRequestsException", 429),
        ("s3", "PutObject", contrary.s3_throttle, "SlowDown", 503),
        ("cloudformation", "DescribeStacks", contrary.cloudformation_throttle, "Throttling", 400),
        (
            "lambda",
            "UpdateAlias",
            lambda: contrary.someone_elses_change("UpdateAlias"),
            "PreconditionFailedException",
            412,
        ),
    ],
)
def test_a_refusal_is_read_by_botocore_as_the_services_own(
    service: str, operation: str, answers: Callable[[], Contrary], code: str, status: int
) -> None:
    answer = answers()(REQUEST, Call(service, operation, {}), answering(OK))
    error = parsed(service, operation, answer)["Error"]
    assert (answer.status, error["Code"]) == (status, code)


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("lambda", "GetAlias", "ExpiredTokenException"),
        ("dynamodb", "Scan", "ExpiredTokenException"),
        ("cloudformation", "DescribeStacks", "ExpiredToken"),
        ("s3", "PutObject", "ExpiredToken"),
    ],
)
def test_a_key_that_has_expired_is_refused_in_the_services_own_words(
    service: str, operation: str, code: str
) -> None:
    expired = contrary.ExpiredTokens(valid=lambda key: key == "NEW")
    call = Call(service, operation, {})
    signed = [
        Request("t", "GET", "h", "/", (("Authorization", f"Credential={key}/20261125/x"),), b"")
        for key in ("OLD", "NEW")
    ]
    answers = [expired(each, call, answering(OK)) for each in signed]
    assert parsed(service, operation, answers[0])["Error"]["Code"] == code
    assert answers[1].status == 200


@pytest.mark.parametrize(
    ("answers", "status", "error"),
    [
        (contrary.api_throttle, 429, "Too Many Requests"),
        (contrary.function_throttle, 500, "Internal server error"),
        (contrary.waf, 403, "Forbidden"),
    ],
)
def test_a_caller_that_is_refused_has_failed(
    answers: Callable[[], Contrary], status: int, error: str
) -> None:
    answer = answers()(REQUEST, Call("execute-api", "Invoke", {}), answering(OK))
    read = read_answer(answer.status, answer.body, "r1")
    assert (read.outcome, read.status) == ("fail", status)
    assert error in answer.body.decode()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_stack_is_shown_in_a_status_whether_it_is_there_or_not(is_there: bool) -> None:
    forward = answering(
        Answer(200, (), described("CREATE_COMPLETE")) if is_there else Answer(400, (), b"")
    )
    call = Call("cloudformation", "DescribeStacks", {"StackName": "s"})
    answer = contrary.StackIn("s", "ROLLBACK_COMPLETE")(REQUEST, call, forward)
    (stack,) = parsed("cloudformation", "DescribeStacks", answer)["Stacks"]
    assert (stack["StackName"], stack["StackStatus"]) == ("s", "ROLLBACK_COMPLETE")


def test_every_contrary_answer_of_a_bad_day_says_where_it_was_seen() -> None:
    sources = str(contrary.__doc__)
    assert [name for name in contrary.bad_day(1) if f"\n{name} " not in sources] == []


def test_on_a_bad_day_one_request_passes_all_of_them() -> None:
    day = contrary.bad_day(1)
    account = Account(contrary.one_after_the_other(list(day.values())))
    answers = [account.ask("GetAlias", Name="live")[0] for _ in range(300)]
    assert set(answers) == {200, 429}
    assert day["lambda-throttle"].given == answers.count(429)
    assert len(account.reached) == answers.count(200), "a call that is refused reaches nobody"


def described(status: str) -> bytes:
    return (
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>s</StackName>"
        f"<StackStatus>{status}</StackStatus></member></Stacks></DescribeStacksResult>"
        "</DescribeStacksResponse>"
    ).encode()


def parsed(service: str, operation: str, answer: Answer) -> dict[str, Any]:
    """Return what botocore reads in an answer."""
    model = botocore.session.get_session().get_service_model(service)
    parser = botocore.parsers.create_parser(model.protocol)
    response = {
        "status_code": answer.status,
        "headers": {name.lower(): value for name, value in answer.headers},
        "body": answer.body,
        "context": {},
    }
    return dict(parser.parse(response, model.operation_model(operation).output_shape))
