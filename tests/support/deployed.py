"""The application's stack on a target, what deploys to it, and what its callers and AWS say."""

from __future__ import annotations

import itertools
import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from poster.aws.stack import Stack
from poster.aws.target import Target
from poster.deploy.application import StagedApplication
from poster.deploy.release import Release
from poster.deploy.site import ErrorBudget, Site
from poster.deploy.ways import parse_way
from poster.rows.clock import RunClock
from poster.rows.record import Step, StepName
from tests.support.built_once import BuiltOnce

ROOT = Path(__file__).parents[2]


class Deployed:
    """Stack todo-sample-NUMBER, deployed from a copy of the application in ``folder``."""

    def __init__(self, target: Target, folder: Path, number: int) -> None:
        self.stack = Stack(f"todo-sample-{number}", target)
        self.failed_calls = 0
        self.site = Site(
            application=StagedApplication.copy_of(ROOT, folder / "app"),
            sam=BuiltOnce(
                Path(shutil.which("sam") or "sam"), target.environment, folder / "sam.log"
            ),
            stack=self.stack,
            parameters={"Number": str(number)},
            clock=RunClock(),
            budget=ErrorBudget(allowed=0, failed=lambda: self.failed_calls),
        )
        self._through_proxies = target.through_proxies
        self._lambda = target.client("lambda")
        self._todo_ids = (f"t01-{n:04}" for n in itertools.count(1))

    def deploy(self, way: str, marker: str) -> list[Step]:
        """Deploy one release to the stack that is there."""
        return list(parse_way(way).deploy(Release(marker, f"{marker}-config"), self.site))

    def deploy_first(self, way: str, marker: str) -> list[Step]:
        """Deploy the stack itself."""
        return list(parse_way(way).first(Release(marker, f"{marker}-config"), self.site))

    def answered_by(self) -> tuple[str, str, str]:
        """Call the API as a poster does; return marker, config marker and version."""
        todo = {"todoId": next(self._todo_ids), "title": "milk"}
        request = urllib.request.Request(
            self.stack.outputs().endpoint, json.dumps(todo).encode(), method="POST"
        )
        proxies: dict[str, str] | None = None if self._through_proxies else {}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
        with opener.open(request, timeout=15) as answer:
            body = json.loads(answer.read())
        return body["marker"], body["configMarker"], body["functionVersion"]

    def alias(self) -> dict[str, Any]:
        """Return the alias as AWS shows it."""
        outputs = self.stack.outputs()
        return dict(self._lambda.get_alias(FunctionName=outputs.function, Name=outputs.alias))

    def versions(self) -> list[str]:
        """Return the published versions that are there."""
        function = self.stack.outputs().function
        listed = self._lambda.list_versions_by_function(FunctionName=function)["Versions"]
        return [each["Version"] for each in listed if each["Version"] != "$LATEST"]

    def variables(self) -> dict[str, str]:
        """Return the variables of $LATEST."""
        configuration = self._lambda.get_function_configuration(
            FunctionName=self.stack.outputs().function
        )
        return dict(configuration["Environment"]["Variables"])


def names(steps: list[Step]) -> list[str]:
    return [step.name for step in steps]


def moves(steps: list[Step]) -> list[tuple[str, str, float]]:
    """Return from, to and weight of each step that moved the alias."""
    return [
        (step.detail["from"], step.detail["to"], step.detail.get("weight", 1.0))
        for step in steps
        if step.name == StepName.ALIAS_UPDATED
    ]
