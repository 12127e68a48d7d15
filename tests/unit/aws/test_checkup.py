from __future__ import annotations

import datetime
from typing import Any

import pytest
from test_stack import OUTPUTS, FakeAws, refusal

from poster.aws.checkup import Finding, findings, lasting
from poster.aws.errors import NoPermissionError
from poster.aws.target import Identity

NOW = datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.UTC)


class Account(FakeAws):
    region = "eu-west-1"

    def __init__(self, free: int = 1000, decision: str = "allowed", **more: Any) -> None:
        super().__init__(**more)
        self._free = free
        self._decision = decision
        self.simulated: list[str] = []

    def identity(self) -> Identity:
        return Identity("1", "arn:aws:sts::1:assumed-role/Admin/me")

    def credentials_expire_at(self) -> None:
        return None

    def get_account_settings(self) -> dict[str, Any]:
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self._free}}

    def simulate_principal_policy(
        self, PolicySourceArn: str, ActionNames: list[str]
    ) -> dict[str, Any]:
        self.simulated.append(PolicySourceArn)
        decided = [{"EvalActionName": name, "EvalDecision": self._decision} for name in ActionNames]
        return {"EvaluationResults": decided}


def found(account: Account) -> dict[str, Finding]:
    return {each.name: each for each in findings(account, "todo-sample-1", 0.1)}


def test_a_new_stack_in_a_healthy_account_is_all_good() -> None:
    account = Account(status=None)
    assert {each.grade for each in found(account).values()} == {"ok"}
    assert account.simulated == ["arn:aws:iam::1:role/Admin"]


def test_a_new_account_with_concurrency_ten_is_told_what_callers_will_see() -> None:
    said = found(Account(free=10, status=None))["concurrency"]
    assert said.grade == "note"
    assert "only 10 executions" in said.said


def test_what_iam_may_refuse_is_a_remark() -> None:
    said = found(Account(decision="implicitDeny", status=None))["permissions"]
    assert (said.grade, "lambda:UpdateAlias" in said.said) == ("note", True)


def test_what_cannot_be_looked_at_is_said() -> None:
    class Silent(Account):
        def simulate_principal_policy(self, **_: Any) -> dict[str, Any]:
            raise refusal("AccessDenied", "no", "SimulatePrincipalPolicy")

    assert found(Silent(status=None))["permissions"].said.startswith("could not be looked at")


def test_nobody_is_a_fault_and_nothing_else_is_asked() -> None:
    class Nobody(Account):
        def identity(self) -> Identity:
            raise NoPermissionError("there are no AWS credentials")

    assert [(each.name, each.grade) for each in found(Nobody()).values()] == [("identity", "fault")]


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS"])
def test_a_stack_that_cannot_be_deployed_to_is_a_fault(status: str) -> None:
    assert found(Account(status=status))["stack"].grade == "fault"


def test_a_used_table_is_a_fault_with_its_mend() -> None:
    class Used(Account):
        def resources(self) -> dict[str, str]:
            return {"AWS::DynamoDB::Table": "the-table"}

    said = found(Used(outputs=OUTPUTS))["stack"]
    assert said.grade == "fault"
    assert "sam delete --stack-name todo-sample-1 --region eu-west-1" in said.said


@pytest.mark.parametrize(("left_h", "grade"), [(0.5, "fault"), (-1, "fault"), (2, "ok")])
def test_credentials_must_outlast_the_run(left_h: float, grade: str) -> None:
    expire_at = NOW + datetime.timedelta(hours=left_h)
    assert lasting(expire_at, 1.0, NOW).grade == grade
    assert lasting(None, 1.0, NOW).grade == "ok"
