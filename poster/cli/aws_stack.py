"""A stack in the caller's account: asked for before it is made, said or removed afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from poster.aws.checkup import NOTHING_YET, removal, undeployable
from poster.aws.stack import Stack, StackError
from poster.aws.target import AwsTarget
from poster.deploy.application import StagedApplication
from poster.deploy.release import DeployError
from poster.deploy.sam_cli import SamCli

MANAGED_STACK = "aws-sam-cli-managed-default"


def agree(
    target: AwsTarget,
    stack_name: str,
    usd: float,
    left_per_month_usd: float,
    asked: bool,
    more: Sequence[tuple[str, str]] = (),
) -> None:
    """Show account, region, stack and cost in USD, of the run and of a stack that is kept, and ask.

    Raises click.Abort when the answer is no, AwsError when there are no working credentials,
    StackError when the stack that is there cannot be deployed to.
    """
    identity = target.identity()
    status = Stack(stack_name, target).status()
    lines = [
        ("Account", f"{identity.account} ({identity.arn})"),
        ("Region", target.region),
        ("Stack", f"{stack_name} ({'new' if status in NOTHING_YET else status})"),
        ("Cost", f"about USD {usd:.2f} for the calls, at list prices"),
        ("If kept", f"about USD {left_per_month_usd:.2f} a month while nobody calls it"),
        *more,
        ("Stays", f"stack {MANAGED_STACK}, with the bucket of SAM's uploads"),
    ]
    for name, said in lines:
        click.echo(f"{name:<8} {said}", err=True)
    refusal = undeployable(stack_name, status, target.region)
    if refusal is not None:
        raise StackError(f"stack {refusal}")
    if asked:
        click.confirm("Deploy there and post to it?", abort=True, err=True)


@contextmanager
def removed_afterwards(
    stack: Stack, region: str, sam: SamCli, application: StagedApplication, keep: bool
) -> Iterator[None]:
    """Remove a stack that this run made, unless it is to be kept; a stack that was there stays.

    After an error nothing is removed: the stack may be needed to see what went wrong. What is left
    and how to remove it is said on standard error.
    """
    was_there = stack.status() not in NOTHING_YET
    try:
        yield
    except BaseException:
        if not was_there:
            _say_left(stack.name, region)
        raise
    if was_there:
        return
    if keep:
        _say_left(stack.name, region)
        return
    click.echo(f"Removing stack {stack.name}, which this run made", err=True)
    try:
        arguments = ["delete", "--no-prompts", "--stack-name", stack.name]
        for _ in sam.lines(arguments, application.path):
            pass
    except DeployError as error:
        click.echo(f"Warning: {error}", err=True)
        _say_left(stack.name, region)
    click.echo(
        f"Stays: stack {MANAGED_STACK} with the bucket of SAM's uploads, shared by everything that"
        " SAM deploys in this region",
        err=True,
    )


def _say_left(stack_name: str, region: str) -> None:
    click.echo(f"Left: stack {stack_name}. Remove it with: {removal(stack_name, region)}", err=True)
