"""The account is asked for; what is there is told apart."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from poster.aws.stack import StackError
from poster.aws.target import Identity
from poster.cli.aws_stack import agree, removed_afterwards


class Account:
    region = "eu-west-1"

    def __init__(self, status: str | None) -> None:
        self._status = status
        self.reachable = str

    def identity(self) -> Identity:
        return Identity("123456789012", "arn:aws:iam::123456789012:user/me")

    def client(self, service: str) -> Account:
        return self

    def describe_stacks(self, StackName: str) -> dict[str, object]:
        return {"Stacks": [{"StackStatus": self._status}]}


def test_an_abandoned_change_set_is_a_new_stack(capsys: pytest.CaptureFixture[str]) -> None:
    agree(Account("REVIEW_IN_PROGRESS"), "todo-sample-1", 0.05, 22.0, asked=False)
    assert "todo-sample-1 (new)" in capsys.readouterr().err


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"])
def test_a_stack_that_changes_is_waited_for(status: str) -> None:
    with pytest.raises(StackError, match="is busy"):
        agree(Account(status), "todo-sample-1", 0.05, 22.0, asked=False)


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_that_is_broken_is_removed_with_its_region(status: str) -> None:
    with pytest.raises(StackError, match="sam delete --stack-name x --region eu-west-1"):
        agree(Account(status), "x", 0.05, 22.0, asked=False)


class Sam:
    def __init__(self) -> None:
        self.called: list[list[str]] = []

    def lines(self, arguments: list[str], cwd: Path) -> list[str]:
        self.called.append(arguments)
        return []


def test_a_stack_made_of_an_abandoned_change_set_is_this_runs_and_removed(tmp_path: Path) -> None:
    sam = Sam()
    stack = SimpleNamespace(name="todo-sample-1", status=lambda: "REVIEW_IN_PROGRESS")
    with removed_afterwards(stack, "eu-west-1", sam, SimpleNamespace(path=tmp_path), keep=False):
        pass
    assert [arguments[0] for arguments in sam.called] == ["delete"]


def test_what_stays_after_the_removal_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = SimpleNamespace(name="todo-sample-1", status=lambda: None)
    with removed_afterwards(stack, "eu-west-1", Sam(), SimpleNamespace(path=tmp_path), keep=False):
        pass
    assert "Stays: stack aws-sam-cli-managed-default" in capsys.readouterr().err


def test_the_prompt_says_what_stays(capsys: pytest.CaptureFixture[str]) -> None:
    agree(Account("CREATE_COMPLETE"), "x", 0.05, 22.0, asked=False, more=[("Open", "to everybody")])
    said = capsys.readouterr().err
    assert "Open     to everybody" in said
    assert "If kept  about USD 22.00 a month while nobody calls it" in said
    assert "Stays    stack aws-sam-cli-managed-default" in said
