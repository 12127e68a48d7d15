"""What the control plane is waited for, and how each of its ends is told apart."""

from __future__ import annotations

import pytest
from fake_gate import FakeClock, FakeLambda

from poster.aws.errors import AwsError, BusyError, NoPermissionError, NotThereError
from poster.gate.control_plane import ControlPlane
from poster.gate.errors import FailedUpdateError, SupersededError

DEADLINE_NS = 30_000_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def aws(clock: FakeClock) -> FakeLambda:
    return FakeLambda(clock)


@pytest.fixture
def plane(aws: FakeLambda, clock: FakeClock) -> ControlPlane:
    return ControlPlane(aws, "todo", "live", clock)


def test_an_alias_at_one_version_alone_is_settled_and_says_which(plane: ControlPlane) -> None:
    standing = plane.settle(None, None, DEADLINE_NS)
    assert (standing.outcome, standing.version) == ("settled", "1")


def test_an_alias_that_is_being_shifted_is_waited_for(
    plane: ControlPlane, aws: FakeLambda, clock: FakeClock
) -> None:
    aws.point("1", v2=0.1)
    aws.after(4, lambda: aws.point("1", v2=0.5))
    aws.after(9, lambda: aws.point("2"))
    standing = plane.settle(None, "1", DEADLINE_NS)
    assert (standing.outcome, standing.version) == ("settled", "2")
    assert clock.at_ns == 9_000_000_000


def test_a_weight_of_nothing_is_no_weight(plane: ControlPlane, aws: FakeLambda) -> None:
    aws.point("2", v1=0.0)
    assert plane.settle("2", None, DEADLINE_NS).outcome == "settled"


def test_the_expected_version_is_waited_for_until_it_is_there_and_invocable(
    plane: ControlPlane, aws: FakeLambda, clock: FakeClock
) -> None:
    del aws.states["2"]
    aws.after(3, lambda: aws.states.update({"2": "Pending"}))
    aws.after(5, lambda: aws.point("2"))
    aws.after(7, lambda: aws.states.update({"2": "Active"}))
    assert plane.settle("2", None, DEADLINE_NS).outcome == "settled"
    assert clock.at_ns == 7_000_000_000


def test_a_roll_back_to_a_version_that_was_idle_for_long_is_settled(
    plane: ControlPlane, aws: FakeLambda
) -> None:
    aws.states["1"] = "Inactive"
    assert plane.settle("1", "2", DEADLINE_NS).outcome == "settled"


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (None, "there is no version 9 of function todo"),
        ("Pending", "version 9 is still Pending"),
        ("Active", "alias live is at version 1"),
    ],
)
def test_a_version_that_never_comes_is_a_time_out(
    plane: ControlPlane, aws: FakeLambda, clock: FakeClock, state: str | None, sentence: str
) -> None:
    if state is not None:
        aws.states["9"] = state
    standing = plane.settle("9", None, DEADLINE_NS)
    assert (standing.outcome, standing.sentence) == ("timed-out", sentence)
    assert clock.at_ns == DEADLINE_NS


def test_a_shift_that_does_not_end_is_a_time_out_that_says_where_it_stands(
    plane: ControlPlane, aws: FakeLambda
) -> None:
    aws.point("1", v2=0.1)
    standing = plane.settle("2", None, DEADLINE_NS)
    assert standing.sentence == "alias live is at version 1, with 0.1 of the calls on version 2"


def test_an_update_that_does_not_end_is_a_time_out(plane: ControlPlane, aws: FakeLambda) -> None:
    aws.update_status = "InProgress"
    standing = plane.settle(None, None, DEADLINE_NS)
    assert standing.outcome == "timed-out"
    assert "still in progress" in standing.sentence


@pytest.mark.parametrize("expect", [None, "1"])
def test_an_alias_that_is_where_it_was_has_nothing_to_wait_for(
    plane: ControlPlane, expect: str | None
) -> None:
    standing = plane.settle(expect, "1", DEADLINE_NS)
    assert standing.outcome == "nothing-to-wait-for"
    assert "no new version was published" in standing.sentence


def test_a_shift_away_from_where_it_was_is_waited_for_even_if_that_is_expected(
    plane: ControlPlane, aws: FakeLambda, clock: FakeClock
) -> None:
    aws.point("1", v2=0.1)
    aws.after(5, lambda: aws.point("1"))  # rolled back; callers may have seen version 2
    assert plane.settle("1", "1", DEADLINE_NS).outcome == "settled"
    assert clock.at_ns == 5_000_000_000


def test_another_expected_version_is_waited_for_though_the_alias_is_where_it_was(
    plane: ControlPlane, aws: FakeLambda
) -> None:
    aws.after(2, lambda: aws.point("2"))
    assert plane.settle("2", "1", DEADLINE_NS).outcome == "settled"


@pytest.mark.parametrize("weights", [{}, {"v3": 0.2}])
def test_an_alias_that_moves_on_to_a_third_version_is_no_time_out(
    plane: ControlPlane, aws: FakeLambda, weights: dict[str, float]
) -> None:
    aws.after(2, lambda: aws.point("1" if weights else "3", **weights))
    with pytest.raises(SupersededError, match=r"moved on to .*version 3"):
        plane.settle("2", None, DEADLINE_NS)


def test_an_alias_that_leaves_while_callers_are_asked_is_noticed(
    plane: ControlPlane, aws: FakeLambda
) -> None:
    aws.point("2")
    plane.require("2")
    aws.point("1")
    with pytest.raises(SupersededError, match="moved on to version 1 while version 2"):
        plane.require("2")
    plane.require(None)


def test_a_failed_update_is_not_waited_for(plane: ControlPlane, aws: FakeLambda) -> None:
    aws.update_status = "Failed"
    with pytest.raises(FailedUpdateError, match="no such image"):
        plane.settle(None, None, DEADLINE_NS)


def test_a_failed_version_is_not_waited_for(plane: ControlPlane, aws: FakeLambda) -> None:
    aws.states["2"] = "Failed"
    with pytest.raises(FailedUpdateError, match="version 2 cannot be invoked: the image is gone"):
        plane.settle("2", None, DEADLINE_NS)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ResourceNotFoundException", NotThereError),
        ("AccessDeniedException", NoPermissionError),
        ("UnrecognizedClientException", NoPermissionError),
        ("ServiceException", BusyError),
        ("ValidationException", AwsError),
    ],
)
@pytest.mark.parametrize("operation", ["GetFunction", "GetAlias"])
def test_what_aws_refuses_is_told_apart(
    plane: ControlPlane, aws: FakeLambda, operation: str, code: str, error: type[AwsError]
) -> None:
    aws.refuse[operation] = code
    with pytest.raises(error) as caught:
        plane.settle(None, None, DEADLINE_NS)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_a_function_without_alias_is_settled_when_its_update_is(
    aws: FakeLambda, clock: FakeClock
) -> None:
    plane = ControlPlane(aws, "todo", None, clock)
    standing = plane.settle(None, None, DEADLINE_NS)
    assert (standing.outcome, standing.version) == ("settled", None)
    assert plane.version_now() is None


def test_the_permission_to_invoke_is_asked_for_without_running_anything(
    plane: ControlPlane, aws: FakeLambda
) -> None:
    plane.require_invocable()
    aws.refuse["Invoke"] = "AccessDeniedException"
    with pytest.raises(NoPermissionError):
        plane.require_invocable()
