"""The gate as CodeDeploy's hook: traffic moves, or stays moved, only when the new version works.

Before traffic (no ``ALIAS``), the new version is asked itself by Invoke: a release that fails its
calls is rolled back before any caller gets it. After traffic, the alias is asked: the deployment
succeeds when callers get the new version. CodeDeploy waits for the status that is put at the end;
an hour after a hook that puts none it fails the deployment.
"""

from __future__ import annotations

import os
from typing import Any, Literal

import boto3

from poster.calls.probe import invoke_probed
from poster.errors import PosterError
from poster.gate.control_plane import ControlPlane
from poster.gate.sequential import Rule
from poster.gate.settling import Subject
from poster.gate.tally import Expected
from poster.gate.waiting import Passage, Service, Wait, wait_in_order
from poster.rows.clock import RunClock

RATE_PER_S = 20.0
SPARE_S = 10.0  # of the function's own time-out, to put the status in


def handler(event: dict[str, str], context: Any, codedeploy: Any = None) -> str:
    """Ask, put the status, and return it."""
    remaining_s = context.get_remaining_time_in_millis() / 1000 - SPARE_S
    try:
        # NEW_VERSION is the version's ARN: arn:aws:lambda:REGION:ACCOUNT:function:NAME:VERSION
        function, _, version = os.environ["NEW_VERSION"].rpartition(":")
        payload = os.environ["PAYLOAD"]
        passage = ask(function, version, os.environ.get("ALIAS"), payload, remaining_s)
        print(f"{passage.outcome}: {passage.sentence}")
        status: Literal["Succeeded", "Failed"] = (
            "Succeeded" if passage.outcome == "reached" else "Failed"
        )
    except PosterError as error:
        print(f"Error: {error}")
        status = "Failed"
    (codedeploy or boto3.client("codedeploy")).put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=status,
    )
    return status


def ask(function: str, version: str, alias: str | None, payload: str, timeout_s: float) -> Passage:
    """Wait until that version works, or until callers of the alias get it. Raises PosterErrors."""
    clock, client = RunClock(), boto3.client("lambda")
    subject = (
        Subject(function, version=version)
        if alias is None
        else Subject(function, alias, expect=version)
    )
    plane = ControlPlane(client, subject, clock)
    plane.require_invocable()
    probed = invoke_probed(client, function, alias or version, payload, fresh_share=1.0)
    wait = Wait((), Rule(), RATE_PER_S, clock, plane.concurrency().at_a_time)
    service = Service(plane, lambda stands_at: [probed], Expected(version))
    return wait_in_order([service], wait, None, clock.now_ns() + round(timeout_s * 1e9), print)
