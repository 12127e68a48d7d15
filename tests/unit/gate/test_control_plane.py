"""What the control plane is waited for, and how each of its ends is told apart.

Each behaviour of Lambda's that once fooled the gate is played by ``tests.support.lambda_api``.
"""

from __future__ import annotations

from typing import Any

import pytest

from poster.aws.errors import AwsError, NoPermissionError, NotThereError, UnknownCallerError
from poster.gate.control_plane import NEWEST, ControlPlane, settle
from poster.gate.errors import AmbiguousError, FailedUpdateError, GateError, SupersededError
from poster.gate.settling import STALE_S, Standing, Subject
from tests.support.lambda_api import FakeClock, FakeLambda

DEADLINE_NS = 60_000_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def aws(clock: FakeClock) -> FakeLambda:
    return FakeLambda(clock)


def plane_of(aws: FakeLambda, **said: Any) -> ControlPlane:
    said.setdefault("alias", "live")
    return ControlPlane(aws, Subject("todo", **said), aws.clock)


def settled(aws: FakeLambda, **said: Any) -> Standing:
    (standing,) = settle([plane_of(aws, **said)], DEADLINE_NS, aws.clock)
    return standing


def test_an_alias_at_one_version_alone_is_settled_and_says_which(aws: FakeLambda) -> None:
    standing = settled(aws)
    assert (standing.outcome, standing.version) == ("settled", "1")
    assert aws.clock.at_ns == STALE_S * 1e9, "one read may show a former state"


def test_what_no_former_state_can_show_is_believed_at_once(aws: FakeLambda) -> None:
    aws.point("2")
    assert settled(aws, was="1").version == "2"
    assert settled(aws, expect="2").version == "2"
    assert aws.clock.at_ns == 0


def test_a_former_version_is_not_taken_for_the_new_one_by_a_stale_read(aws: FakeLambda) -> None:
    aws.stale("GetAlias", 3)
    aws.point("2")
    assert settled(aws).version == "2"


def test_an_alias_that_is_being_shifted_is_waited_for(aws: FakeLambda) -> None:
    aws.point("1", v2=0.1)
    aws.after(4, lambda: aws.point("1", v2=0.5))
    aws.after(9, lambda: aws.point("2"))
    standing = settled(aws, was="1")
    assert (standing.outcome, standing.version) == ("settled", "2")
    assert aws.clock.at_ns == 9_000_000_000


PROVISIONED = {
    "Status": "IN_PROGRESS",
    "RequestedProvisionedConcurrentExecutions": 5,
    "AllocatedProvisionedConcurrentExecutions": 2,
}


def test_weights_that_lambda_keeps_for_provisioned_concurrency_are_waited_out(
    aws: FakeLambda,
) -> None:
    aws.point("2", v1=1.0)  # all calls still go to version 1
    aws.provisioned = PROVISIONED
    aws.after(20, lambda: aws.point("2"))
    standing = settled(aws, was="1")
    assert (standing.outcome, standing.version) == ("settled", "2")
    assert aws.clock.at_ns == 20_000_000_000


def test_provisioned_concurrency_that_fails_is_the_reason_of_the_time_out(aws: FakeLambda) -> None:
    aws.point("2", v1=1.0)
    aws.provisioned = {**PROVISIONED, "Status": "FAILED", "StatusReason": "FUNCTION_ERROR_INIT"}
    standing = settled(aws, was="1")
    assert (standing.outcome, standing.version) == ("timed-out", "2")
    assert standing.sentence == (
        "alias live is at version 2, with 1 of the calls on version 1; its provisioned concurrency"
        " is FAILED, 2 of 5: FUNCTION_ERROR_INIT"
    )


def test_who_may_not_read_provisioned_concurrency_waits_all_the_same(aws: FakeLambda) -> None:
    aws.point("2", v1=1.0)
    aws.refuse["GetProvisionedConcurrencyConfig"] = "AccessDeniedException"
    aws.after(3, lambda: aws.point("2"))
    assert settled(aws, was="1").outcome == "settled"


def test_an_alias_written_as_new_with_a_weight_for_the_old_one_goes_to_the_new_one(
    aws: FakeLambda,
) -> None:
    aws.point("2", v1=0.9)
    aws.after(4, lambda: aws.point("2"))
    assert settled(aws, was="1").version == "2"


@pytest.mark.parametrize(
    ("version", "weights", "was"),
    [("1", {"v2": 0.1}, None), ("2", {"v1": 1.0}, None), ("2", {"v3": 0.1}, "1")],
)
def test_an_alias_that_does_not_say_what_is_new_demands_to_be_told(
    aws: FakeLambda, version: str, weights: dict[str, float], was: str | None
) -> None:
    aws.point(version, **weights)
    with pytest.raises(AmbiguousError, match="say with --expect which version is to come"):
        settled(aws, was=was)
    assert AmbiguousError.exit_code == 2


def test_weights_seen_by_one_stale_read_are_no_ambiguity(aws: FakeLambda) -> None:
    aws.point("1", v2=0.9)
    aws.stale("GetAlias", 2)
    aws.point("2")
    assert settled(aws).version == "2"


def test_a_weight_of_nothing_is_no_weight(aws: FakeLambda) -> None:
    aws.point("2", v1=0.0)
    assert settled(aws, expect="2").outcome == "settled"
    assert settled(aws).version == "2"


def test_the_expected_version_is_waited_for_until_it_is_there_and_invocable(
    aws: FakeLambda,
) -> None:
    del aws.states["2"]
    aws.after(3, lambda: aws.states.update({"2": "Pending"}))
    aws.after(5, lambda: aws.point("2"))
    aws.after(7, lambda: aws.states.update({"2": "Active"}))
    assert settled(aws, expect="2").outcome == "settled"
    assert aws.clock.at_ns == 7_000_000_000


def test_a_roll_back_to_a_version_that_was_idle_for_long_is_settled(aws: FakeLambda) -> None:
    aws.states["1"] = "Inactive"
    assert settled(aws, expect="1", was="2").outcome == "settled"


@pytest.mark.parametrize(
    "state", ["Pending", "Deactivating", "Deactivated", "ActiveNonInvocable", "Deleting"]
)
def test_only_active_and_inactive_versions_can_be_invoked(aws: FakeLambda, state: str) -> None:
    aws.point("2")
    aws.states["2"] = state
    standing = settled(aws, expect="2")
    said = f"version 2 of function todo is {state}"
    assert (standing.outcome, standing.sentence) == ("timed-out", said)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [(None, "there is no version 9 of function todo"), ("Active", "alias live is at version 1")],
)
def test_a_version_that_never_comes_is_a_time_out(
    aws: FakeLambda, state: str | None, sentence: str
) -> None:
    if state is not None:
        aws.states["9"] = state
    standing = settled(aws, expect="9")
    assert (standing.outcome, standing.sentence) == ("timed-out", sentence)
    assert aws.clock.at_ns == DEADLINE_NS


def test_an_update_that_does_not_end_is_a_time_out(aws: FakeLambda) -> None:
    aws.update_status = "InProgress"
    standing = settled(aws)
    assert standing.outcome == "timed-out"
    assert "still in progress" in standing.sentence


@pytest.mark.parametrize("expect", [None, "1"])
def test_an_alias_that_is_where_it_was_has_nothing_to_wait_for(
    aws: FakeLambda, expect: str | None
) -> None:
    standing = settled(aws, expect=expect, was="1")
    assert standing.outcome == "nothing-to-wait-for"
    assert "no new version was published" in standing.sentence
    assert aws.clock.at_ns == STALE_S * 1e9


def test_nothing_to_wait_for_is_not_believed_from_reads_that_are_stale(aws: FakeLambda) -> None:
    aws.stale("GetAlias", 4)  # a second apart
    aws.point("2")
    standing = settled(aws, was="1")
    assert (standing.outcome, standing.version) == ("settled", "2")


def test_a_shift_away_from_where_it_was_is_waited_for_even_if_that_is_expected(
    aws: FakeLambda,
) -> None:
    aws.point("1", v2=0.1)
    aws.after(5, lambda: aws.point("1"))  # rolled back; callers may have seen version 2
    assert settled(aws, expect="1", was="1").outcome == "settled"
    assert aws.clock.at_ns == 5_000_000_000


def test_a_shift_that_is_rolled_back_is_no_deploy_without_a_new_version(aws: FakeLambda) -> None:
    aws.point("1", v2=0.1)
    aws.after(5, lambda: aws.point("1"))
    with pytest.raises(SupersededError, match="moved on to version 1 while version 2 was waited"):
        settled(aws, was="1")


def test_another_expected_version_is_waited_for_though_the_alias_is_where_it_was(
    aws: FakeLambda,
) -> None:
    aws.after(9, lambda: aws.point("2"))
    assert settled(aws, expect="2", was="1").outcome == "settled"


@pytest.mark.parametrize("weights", [{}, {"v3": 0.2}])
def test_an_alias_that_moves_on_to_a_third_version_is_no_time_out(
    aws: FakeLambda, weights: dict[str, float]
) -> None:
    aws.after(2, lambda: aws.point("1" if weights else "3", **weights))
    with pytest.raises(SupersededError, match=r"moved on to .*version 3"):
        settled(aws, expect="2")


def test_a_former_state_seen_before_the_deploys_own_is_nobody_elses_deploy(aws: FakeLambda) -> None:
    aws.states["3"] = "Active"
    aws.stale("GetAlias", 2)  # at version 1, which was replaced by 2 before
    aws.point("2")
    aws.after(8, lambda: aws.point("3"))
    assert settled(aws, expect="3").outcome == "settled"


def test_a_failed_update_seen_by_a_stale_read_is_the_one_before(aws: FakeLambda) -> None:
    aws.stale("GetFunctionConfiguration", 1, {"LastUpdateStatus": "Failed"})
    aws.point("2")
    assert settled(aws, was="1").outcome == "settled"


def test_a_failed_update_is_not_waited_for(aws: FakeLambda) -> None:
    aws.update_status = "Failed"
    with pytest.raises(FailedUpdateError, match="no such image"):
        settled(aws)


def test_a_failed_version_is_not_waited_for(aws: FakeLambda) -> None:
    aws.states["2"] = "Failed"
    said = "version 2 of function todo cannot be invoked: the image is gone"
    with pytest.raises(FailedUpdateError, match=said):
        settled(aws, expect="2")


@pytest.mark.parametrize("operation", ["GetAlias", "GetFunctionConfiguration"])
def test_throttled_calls_are_waited_for(aws: FakeLambda, operation: str) -> None:
    aws.point("2")
    aws.throttle(operation, 7)
    assert settled(aws, was="1").outcome == "settled"
    aws.throttle(operation, 1000)
    late = settled(aws, was="1")
    assert late.outcome == "timed-out"
    assert "TooManyRequestsException" in late.sentence


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ResourceNotFoundException", NotThereError),
        ("AccessDeniedException", NoPermissionError),
        ("UnrecognizedClientException", UnknownCallerError),
        ("ValidationException", AwsError),
    ],
)
@pytest.mark.parametrize("operation", ["GetFunctionConfiguration", "GetAlias"])
def test_what_aws_refuses_is_told_apart(
    aws: FakeLambda, operation: str, code: str, error: type[AwsError]
) -> None:
    aws.refuse[operation] = code
    with pytest.raises(error) as caught:
        settled(aws)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_a_function_without_alias_is_settled_when_its_update_is(aws: FakeLambda) -> None:
    standing = settled(aws, alias=None)
    assert (standing.outcome, standing.version) == ("settled", None)
    assert plane_of(aws, alias=None).version_now() is None


def test_a_version_asked_for_by_its_number_needs_no_alias(aws: FakeLambda) -> None:
    aws.states["2"] = "Pending"
    aws.after(6, lambda: aws.states.update({"2": "Active"}))
    assert settled(aws, alias=None, version="2").version == "2"
    assert "GetAlias" not in aws.calls


def test_the_newest_version_is_the_one_with_the_highest_number(aws: FakeLambda) -> None:
    aws.states = dict.fromkeys(["9", "10", "$LATEST.PUBLISHED"], "Active")
    assert settled(aws, alias=None, version=NEWEST, was="9").version == "10"
    assert settled(aws, alias=None, version=NEWEST, was="10").outcome == "nothing-to-wait-for"


def test_several_functions_are_waited_for_at_the_same_time(clock: FakeClock) -> None:
    one, other = FakeLambda(clock), FakeLambda(clock)
    one.after(4, lambda: one.point("2"))
    other.after(9, lambda: other.point("2"))
    planes = [plane_of(each, expect="2") for each in (one, other)]
    standings = settle(planes, DEADLINE_NS, clock)
    assert [each.outcome for each in standings] == ["settled", "settled"]
    assert clock.at_ns == 9_000_000_000


def test_an_alias_that_leaves_while_callers_are_asked_is_noticed_not_by_one_read(
    aws: FakeLambda,
) -> None:
    plane = plane_of(aws)
    aws.point("2")
    assert plane.stands("2")
    aws.point("1")
    assert not plane.stands("2")
    aws.clock.at_ns += round(STALE_S * 1e9)
    with pytest.raises(SupersededError, match="moved on to version 1 while version 2"):
        plane.stands("2")


def test_a_former_state_seen_while_callers_are_asked_only_holds_the_decision_up(
    aws: FakeLambda,
) -> None:
    plane = plane_of(aws)
    aws.stale("GetAlias", 1)
    aws.point("2")
    seen = []
    for _ in range(4):
        seen.append(plane.stands("2"))
        aws.clock.at_ns += 3_000_000_000
    assert seen == [False, True, True, True]
    aws.throttle("GetAlias", 1)
    assert not plane.stands("2")
    assert plane.stands("2")


def test_the_permission_to_invoke_is_asked_for_without_running_anything(aws: FakeLambda) -> None:
    plane_of(aws).require_invocable()
    aws.refuse["Invoke"] = "AccessDeniedException"
    with pytest.raises(NoPermissionError):
        plane_of(aws).require_invocable()


@pytest.mark.parametrize(
    ("reserved", "unreserved", "at_a_time", "said"),
    [
        (None, 10, 5, "the account has an unreserved concurrency of 10"),
        (4, 1000, 2, "function todo has a reserved concurrency of 4"),
        (1, 1000, 1, "function todo has a reserved concurrency of 1"),
    ],
)
def test_half_of_the_concurrency_is_left_for_callers(
    aws: FakeLambda, reserved: int | None, unreserved: int, at_a_time: int, said: str
) -> None:
    aws.reserved, aws.unreserved = reserved, unreserved
    found = plane_of(aws).concurrency()
    assert (found.at_a_time, found.sentence) == (at_a_time, said)


def test_a_concurrency_that_may_not_be_read_is_no_limit_and_none_is_an_error(
    aws: FakeLambda,
) -> None:
    aws.refuse["GetAccountSettings"] = "AccessDeniedException"
    found = plane_of(aws).concurrency()
    assert found.at_a_time is None
    assert "is not known" in found.sentence
    aws.reserved = 0
    with pytest.raises(GateError, match="reserved concurrency of 0: no call of it can succeed"):
        plane_of(aws).concurrency()
