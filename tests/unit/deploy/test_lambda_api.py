from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from botocore.exceptions import ReadTimeoutError
from fake_lambda import FakeLambda, refusal, zip_with
from stage import RELEASE, Stage, SteppedClock, Taken

from poster.deploy.release import ConflictError, DeployError
from poster.deploy.ways import parse_way

CHANGES = ["UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "UpdateAlias"]
# What a deploy through the Lambda API calls, in order.
CALLS = [
    *("function_updated_v2", "GetFunctionConfiguration", "UpdateFunctionConfiguration"),
    *("function_updated_v2", "GetFunctionConfiguration", "UpdateFunctionCode"),
    *("function_updated_v2", "GetFunctionConfiguration", "PublishVersion"),
    *("published_version_active", "GetAlias", "UpdateAlias"),
]


@pytest.fixture
def aws() -> FakeLambda:
    return FakeLambda()


def deploy(aws: FakeLambda, way: str = "lambda-api") -> Taken:
    site = Stage.with_lambda(aws, SteppedClock())
    return Taken(parse_way(way).deploy(RELEASE, site))


def at_call(number: int, do: Callable[[], None]) -> Callable[[str], None]:
    """Return a hook that does something just before the call of that number, from 0."""
    numbers = itertools.count()

    def hook(operation: str) -> None:
        if next(numbers) == number:
            do()

    return hook


def raising(error: BaseException) -> Callable[[], None]:
    def do() -> None:
        raise error

    return do


def test_a_release_is_published_and_the_alias_moved_to_it(aws: FakeLambda) -> None:
    taken = deploy(aws)
    assert taken.error is None
    assert taken.names == [
        *("build-started", "build-finished", "deploy-started"),
        *("configuration-updated", "update-successful", "code-updated", "update-successful"),
        *("version-published", "alias-updated", "deploy-finished"),
    ]
    assert taken.moves == [{"from": "1", "to": "2"}]
    assert aws.versions["2"] == {"marker": "xxx", "config_marker": "xxx-config"}
    assert aws.alias["FunctionVersion"] == "2"
    assert aws.calls == CALLS


def test_variables_that_are_not_ours_stay(aws: FakeLambda) -> None:
    deploy(aws)
    assert aws.environment["Variables"] == {
        "TABLE_NAME": "todo-sample-1-table",
        "CONFIG_MARKER": "xxx-config",
    }


def test_variables_that_cannot_be_read_are_never_written_back(aws: FakeLambda) -> None:
    aws.environment = {"Error": {"ErrorCode": "AccessDenied", "Message": "no key"}}
    taken = deploy(aws)
    assert "variables of function todo cannot be read: no key" in str(taken.error)
    assert not set(CHANGES) & set(aws.calls)


@pytest.mark.parametrize("number", range(len(CALLS)), ids=lambda n: f"{n}-{CALLS[n]}")
@pytest.mark.parametrize(
    "error",
    [
        refusal("Call", "AccessDeniedException"),
        ReadTimeoutError(endpoint_url="https://lambda"),
    ],
    ids=["refused", "no-answer"],
)
def test_a_deploy_that_stops_half_way_leaves_the_alias_and_says_where(
    aws: FakeLambda, number: int, error: Exception
) -> None:
    aws.before_call = at_call(number, raising(error))
    taken = deploy(aws)
    assert isinstance(taken.error, DeployError)
    assert not isinstance(taken.error, ConflictError)
    assert str(taken.error).endswith("; alias Sample is at version 1")
    assert (aws.alias["FunctionVersion"], aws.alias.get("RoutingConfig")) == ("1", None)
    last = taken.steps[-1]
    assert last.name == "deploy-failed"
    assert last.detail == {"error": str(taken.error), "after": taken.names[-2]}


def test_an_alias_that_moved_although_the_answer_was_lost_is_said_to_have_moved(
    aws: FakeLambda,
) -> None:
    update = aws.update_alias

    def loses_its_answer(**parameters: object) -> None:
        update(**parameters)
        raise ReadTimeoutError(endpoint_url="https://lambda")

    aws.update_alias = loses_its_answer
    assert "alias Sample is at version 2" in str(deploy(aws).error)


def test_an_alias_that_cannot_be_read_is_not_said_to_be_anywhere(aws: FakeLambda) -> None:
    def unreachable(operation: str) -> None:
        if operation in {"PublishVersion", "GetAlias"}:
            raise refusal(operation, "ServiceException")

    aws.before_call = unreachable
    assert "where alias Sample is could not be read (GetAlias" in str(deploy(aws).error)


@pytest.mark.parametrize("operation", CHANGES[:3])
def test_a_function_that_someone_else_changes_is_a_conflict(
    aws: FakeLambda, operation: str
) -> None:
    aws.before_call = at_call(CALLS.index(operation), aws.change_function)
    taken = deploy(aws)
    assert isinstance(taken.error, ConflictError)
    assert "someone else changes function todo" in str(taken.error)
    assert aws.alias["FunctionVersion"] == "1"
    assert aws.calls.count(operation) == 1, "nothing is retried"


@pytest.mark.parametrize(
    "way", ["lambda-api", "canary:50,1", "delete-old", "permission-gap", "latest"]
)
@pytest.mark.parametrize("reads_behind", [1, 5])
def test_reads_that_are_behind_our_own_change_are_no_conflict(
    aws: FakeLambda, way: str, reads_behind: int
) -> None:
    aws.reads_behind = reads_behind
    taken = deploy(aws, way)
    assert taken.error is None
    assert (aws.environment["Variables"]["CONFIG_MARKER"], aws.code) == (
        "xxx-config",
        zip_with("xxx"),
    )


def test_code_that_someone_else_uploaded_is_never_published(aws: FakeLambda) -> None:
    third_wait = 6
    aws.before_call = at_call(third_wait, aws.change_code)
    taken = deploy(aws)
    assert isinstance(taken.error, ConflictError)
    assert "is not the release xxx" in str(taken.error)
    assert list(aws.versions) == ["1"]


def test_an_alias_that_someone_else_moves_stays_theirs(aws: FakeLambda) -> None:
    aws.before_call = at_call(CALLS.index("UpdateAlias"), lambda: aws.change_alias("7"))
    taken = deploy(aws)
    assert isinstance(taken.error, ConflictError)
    assert str(taken.error).endswith("; alias Sample is at version 7")


def test_an_update_that_aws_gives_up_says_why(aws: FakeLambda) -> None:
    aws.update_fails_with = "the image is gone"
    assert "function todo did not settle: the image is gone" in str(deploy(aws).error)


def test_a_release_that_is_there_already_is_a_failure_of_its_own(aws: FakeLambda) -> None:
    deploy(aws)
    taken = deploy(aws)
    assert "nothing to deploy: version 2, where alias Sample is, has release xxx already" in str(
        taken.error
    )
    assert taken.moves == []


def test_ctrl_c_is_told_and_goes_on(aws: FakeLambda) -> None:
    aws.before_call = at_call(CALLS.index("PublishVersion"), raising(KeyboardInterrupt()))
    taken = deploy(aws)
    assert isinstance(taken.error, KeyboardInterrupt)
    assert taken.steps[-1].detail == {
        "error": "interrupted; alias Sample is at version 1",
        "after": "update-successful",
    }


def test_the_old_version_is_deleted_only_after_the_alias_has_moved(aws: FakeLambda) -> None:
    taken = deploy(aws, "delete-old")
    assert taken.names[-3:] == ["alias-updated", "version-deleted", "deploy-finished"]
    assert taken.steps[-2].detail == {"version": "1"}
    assert list(aws.versions) == ["2"]


def test_a_delete_that_fails_says_that_the_alias_has_moved(aws: FakeLambda) -> None:
    aws.before_call = at_call(len(CALLS), raising(refusal("DeleteFunction", "ServiceException")))
    taken = deploy(aws, "delete-old")
    assert str(taken.error).endswith("; alias Sample is at version 2")
    assert taken.steps[-1].detail["after"] == "alias-updated"


GAP = ["GetPolicy", "RemovePermission", *CALLS, "AddPermission"]


def test_the_permission_is_gone_while_the_release_is_published_and_back_afterwards(
    aws: FakeLambda,
) -> None:
    before = list(aws.policy)
    taken = deploy(aws, "permission-gap")
    assert taken.error is None
    assert aws.calls == GAP
    assert taken.names[2:4] == ["permission-removed", "deploy-started"]
    assert taken.names[-3:] == ["alias-updated", "permission-added", "deploy-finished"]
    assert aws.policy == before


@pytest.mark.parametrize("number", range(2, len(GAP) - 1), ids=lambda n: f"{n}-{GAP[n]}")
@pytest.mark.parametrize("error", [refusal("Call", "ServiceException"), KeyboardInterrupt()])
def test_the_permission_is_given_back_however_the_deploy_ends(
    aws: FakeLambda, number: int, error: BaseException
) -> None:
    before = list(aws.policy)
    aws.before_call = at_call(number, raising(error))
    taken = deploy(aws, "permission-gap")
    assert isinstance(taken.error, DeployError | KeyboardInterrupt)
    assert aws.policy == before


def test_the_permission_is_given_back_when_nobody_takes_the_steps(aws: FakeLambda) -> None:
    before = list(aws.policy)
    steps = parse_way("permission-gap").deploy(RELEASE, Stage.with_lambda(aws, SteppedClock()))
    assert [next(steps).name for _ in range(3)][-1] == "permission-removed"
    assert aws.policy == []
    steps.close()
    assert aws.policy == before


def test_a_permission_that_could_not_be_given_back_is_not_taken(aws: FakeLambda) -> None:
    aws.policy[0]["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
    before = list(aws.policy)
    taken = deploy(aws, "permission-gap")
    assert "PostTodo has a condition, Bool aws:SecureTransport, that could" in str(taken.error)
    assert aws.policy == before


def test_of_two_permissions_the_first_is_given_back_where_the_second_cannot_be_taken(
    aws: FakeLambda,
) -> None:
    aws.policy.append({**aws.policy[0], "Sid": "GetTodo"})
    before = list(aws.policy)
    aws.before_call = at_call(2, raising(refusal("RemovePermission", "ServiceException")))
    taken = deploy(aws, "permission-gap")
    assert isinstance(taken.error, DeployError)
    assert sorted(each["Sid"] for each in aws.policy) == sorted(each["Sid"] for each in before)
    assert "PublishVersion" not in aws.calls


def test_a_permission_that_is_not_given_back_is_said(aws: FakeLambda) -> None:
    aws.before_call = at_call(len(GAP) - 1, raising(refusal("AddPermission", "ServiceException")))
    taken = deploy(aws, "permission-gap")
    assert "API Gateway may not invoke alias Sample" in str(taken.error)
    assert "AddPermission" in str(taken.error)


def test_without_alias_configuration_is_updated_before_code(aws: FakeLambda) -> None:
    taken = deploy(aws, "latest")
    assert taken.names == [
        *("build-started", "build-finished", "deploy-started"),
        *("configuration-updated", "update-successful", "code-updated", "update-successful"),
        "deploy-finished",
    ]
    assert not {"PublishVersion", "GetAlias", "UpdateAlias"} & set(aws.calls)


def test_without_alias_a_deploy_that_stops_says_what_callers_get(aws: FakeLambda) -> None:
    aws.before_call = at_call(CALLS.index("UpdateFunctionCode"), raising(refusal("U", "X")))
    taken = deploy(aws, "latest")
    assert str(taken.error).endswith("there is no alias: callers get what was updated so far")
    assert taken.steps[-1].detail["after"] == "update-successful"
