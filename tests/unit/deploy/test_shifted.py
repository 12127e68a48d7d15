from __future__ import annotations

import pytest
from fake_lambda import FakeLambda, refusal
from hypothesis import given
from hypothesis import strategies as st
from stage import RELEASE, Stage, SteppedClock, Taken

from poster.deploy import shifted
from poster.deploy.release import ConflictError, DeployError
from poster.deploy.shifted import (
    BudgetSpentError,
    Hold,
    canary,
    linear,
)
from poster.deploy.site import ErrorBudget

TWENTY_EACH = linear(20, 5)


class Shift:
    """A shift on a fake AWS; calls fail at the given times, in seconds since it began."""

    def __init__(self, stages: list[Hold], allowed: int = 0, fail_at_s: tuple = ()) -> None:
        self.aws = FakeLambda()
        self.clock = SteppedClock()
        self._fail_at_s = fail_at_s
        self.failed_before = 0
        budget = ErrorBudget(allowed, self.failed)
        self._site = Stage.with_lambda(self.aws, self.clock, budget)
        self._stages = stages

    def failed(self) -> int:
        now_s = self.clock.now_ns() / 1e9
        return self.failed_before + sum(at_s <= now_s for at_s in self._fail_at_s)

    def deploy(self):
        return shifted.deploy(RELEASE, self._site, self._stages)

    def taken(self) -> Taken:
        return Taken(self.deploy())

    def alias(self) -> tuple[str, dict[str, float]]:
        routing = self.aws.alias.get("RoutingConfig", {})
        return self.aws.alias["FunctionVersion"], routing.get("AdditionalVersionWeights", {})


def back(reason: str) -> dict[str, object]:
    return {"from": "2", "to": "1", "weight": 1.0, "reason": reason}


def test_a_canary_is_one_stage() -> None:
    assert canary(10, 5) == [Hold(0.1, 5)]


def test_linear_ends_before_all_calls() -> None:
    assert [stage.weight for stage in linear(30, 1)] == [0.3, 0.6, 0.9]
    assert [stage.weight for stage in linear(25, 1)] == [0.25, 0.5, 0.75]
    assert [stage.weight for stage in linear(99, 1)] == [0.99]


@given(st.floats(0.1, 99.99))
def test_weights_grow_evenly_and_stay_between_none_and_all(percent: float) -> None:
    weights = [stage.weight for stage in linear(percent, 1)]
    assert weights[0] == canary(percent, 1)[0].weight
    assert all(0 < weight < 1 for weight in weights)
    assert weights == sorted(set(weights))
    assert 1 - weights[-1] <= percent / 100 + 1e-5


def test_a_canary_is_held_and_then_gets_all_calls() -> None:
    shift = Shift(canary(10, 5))
    held = []
    shift.clock.on_sleep = lambda now_s: held.append(shift.alias())
    taken = shift.taken()
    assert taken.error is None
    assert taken.moves == [
        {"from": "1", "to": "2", "weight": 0.1},
        {"from": "1", "to": "2", "weight": 1.0},
    ]
    first, last = [step.at_ns / 1e9 for step in taken.steps if step.name == "alias-updated"]
    assert (first, last) == (0, 5)
    assert held
    assert all(alias == ("1", {"2": 0.1}) for alias in held)
    assert shift.alias() == ("2", {})


def test_linear_moves_the_alias_stage_by_stage() -> None:
    shift = Shift(TWENTY_EACH)
    taken = shift.taken()
    moves = [step for step in taken.steps if step.name == "alias-updated"]
    assert [(step.at_ns / 1e9, step.detail["weight"]) for step in moves] == [
        *((0, 0.2), (5, 0.4), (10, 0.6), (15, 0.8)),
        (20, 1.0),
    ]
    assert taken.names[-1] == "deploy-finished"


def test_a_spent_budget_rolls_back() -> None:
    shift = Shift(TWENTY_EACH, allowed=1, fail_at_s=(6, 7))
    taken = shift.taken()
    assert isinstance(taken.error, BudgetSpentError)
    assert "2 calls failed since the shift began, 1 may" in str(taken.error)
    assert taken.moves[-1] == back("error budget spent")
    assert taken.steps[-2].at_ns == 7_000_000_000, "not at the end of the stage"
    assert taken.names[-1] == "deploy-failed"
    assert shift.alias() == ("1", {})


def test_a_budget_that_is_used_up_is_not_yet_spent() -> None:
    shift = Shift(TWENTY_EACH, allowed=2, fail_at_s=(6, 7))
    assert shift.taken().error is None


def test_calls_that_failed_before_the_shift_are_not_held_against_it() -> None:
    shift = Shift(canary(10, 5))
    shift.failed_before = 100
    assert shift.taken().error is None


def test_a_failure_at_the_very_end_of_a_stage_counts() -> None:
    shift = Shift(canary(10, 5), fail_at_s=(5,))
    assert isinstance(shift.taken().error, BudgetSpentError)


@pytest.mark.parametrize("move", [2, 3, 4, 5])
def test_a_move_that_is_refused_rolls_back(move: int) -> None:
    shift = Shift(TWENTY_EACH)

    def refuses_once(operation: str) -> None:
        if shift.aws.calls.count("UpdateAlias") == move and operation == "UpdateAlias":
            raise refusal(operation, "ServiceException")

    shift.aws.before_call = refuses_once
    taken = shift.taken()
    assert isinstance(taken.error, DeployError)
    assert taken.moves[-1] == back("failure")
    assert str(taken.error).endswith("alias Sample is at version 1")
    assert shift.alias() == ("1", {})


def test_a_first_move_that_is_refused_leaves_nothing_to_roll_back() -> None:
    shift = Shift(TWENTY_EACH)

    def refuses(operation: str) -> None:
        if operation == "UpdateAlias":
            raise refusal(operation, "ServiceException")

    shift.aws.before_call = refuses
    taken = shift.taken()
    assert taken.moves == []
    assert shift.aws.calls.count("UpdateAlias") == 1


def test_a_last_move_whose_answer_was_lost_is_rolled_back() -> None:
    shift = Shift(canary(10, 5))
    update = shift.aws.update_alias

    def loses_its_answer(**parameters):
        answer = update(**parameters)
        if shift.aws.calls.count("UpdateAlias") == 2:
            raise refusal("UpdateAlias", "ServiceException")
        return answer

    shift.aws.update_alias = loses_its_answer
    assert shift.taken().moves[-1] == back("failure")
    assert shift.alias() == ("1", {})


def test_ctrl_c_in_a_stage_rolls_back_and_says_so() -> None:
    shift = Shift(TWENTY_EACH)

    def interrupts(now_s: float) -> None:
        if now_s == 7:
            raise KeyboardInterrupt

    shift.clock.on_sleep = interrupts
    taken = shift.taken()
    assert isinstance(taken.error, KeyboardInterrupt)
    assert taken.moves[-1] == back("interrupted")
    assert taken.names[-1] == "deploy-failed"
    assert shift.alias() == ("1", {})


def test_an_abandoned_shift_rolls_back() -> None:
    shift = Shift(TWENTY_EACH)
    steps = shift.deploy()
    while shift.alias() != ("1", {"2": 0.4}):
        next(steps)
    steps.close()
    assert shift.alias() == ("1", {})


def test_a_finished_shift_that_is_abandoned_stays() -> None:
    shift = Shift(canary(10, 5))
    steps = shift.deploy()
    while shift.alias() != ("2", {}):
        next(steps)
    steps.close()
    assert shift.alias() == ("2", {})


@pytest.mark.parametrize("abandoned", [False, True])
def test_a_roll_back_that_fails_says_how_to_put_the_alias_right(abandoned: bool) -> None:
    shift = Shift(canary(10, 5), fail_at_s=(1,))
    steps = shift.deploy()
    while shift.alias() != ("1", {"2": 0.1}):
        next(steps)

    def is_down(operation: str) -> None:
        raise refusal(operation, "ServiceException")

    shift.aws.before_call = is_down
    if abandoned:
        with pytest.raises(DeployError) as caught:
            steps.close()
        said = str(caught.value)
    else:
        taken = Taken(steps)
        assert taken.names == ["deploy-failed"]
        said = str(taken.error)
    assert (
        "put it back with: aws lambda update-alias --function-name todo --name Sample"
        " --function-version 1 --routing-config AdditionalVersionWeights={}"
    ) in said


def test_an_alias_that_someone_else_moves_during_the_shift_stays_theirs() -> None:
    shift = Shift(TWENTY_EACH)
    shift.clock.on_sleep = lambda now_s: shift.aws.change_alias("7") if now_s == 2 else None
    taken = shift.taken()
    assert isinstance(taken.error, ConflictError)
    assert shift.aws.alias["FunctionVersion"] == "7"
    assert taken.moves[-1] == {"from": "1", "to": "2", "weight": 0.2}


def test_weights_that_another_shift_left_are_not_shifted_over() -> None:
    shift = Shift(canary(10, 5))
    shift.aws.alias["RoutingConfig"] = {"AdditionalVersionWeights": {"9": 0.25}}
    taken = shift.taken()
    assert "at version 1, with 0.25 of the calls on version 9: another shift" in str(taken.error)
    assert shift.aws.calls.count("UpdateAlias") == 0


def test_an_alias_read_that_is_behind_does_not_keep_a_shift_from_being_rolled_back() -> None:
    shift = Shift(TWENTY_EACH)
    before = dict(shift.aws.alias)
    reads = iter([before, before])

    def refuses_the_second(operation: str) -> None:
        if operation == "UpdateAlias" and shift.aws.calls.count("UpdateAlias") == 2:
            shift.aws.get_alias = lambda **_: next(reads, None) or dict(shift.aws.alias)
            raise refusal(operation, "ServiceException")

    shift.aws.before_call = refuses_the_second
    assert shift.taken().moves[-1] == back("failure")
    assert shift.alias() == ("1", {})
