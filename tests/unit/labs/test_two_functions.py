from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from samtranslator.yaml_helper import yaml_parse

from labs.two_functions.judge import (
    Change,
    Control,
    changes_in,
    faults_in,
    tables,
    without_function,
)
from poster.rows.history import History, observations_frame
from poster.rows.record import Run, Step

ROOT = Path(__file__).parents[3]
TEMPLATE = (ROOT / "labs" / "two_functions" / "template.yaml").read_text()
RUN = Run("r", 0, "local", "e", "closed", 1)
STEPS = [Step("deploy-started", 1_000), Step("deploy-started", 2_000)]
CONTROLS = [
    Control("1", "r", "c", True),
    Control("1", "r", "c", True),
    Control("1", "r", "c", False),
]
CHANGES = [[Change("Modify", "OrdersFunction", "AWS::Lambda::Function")], []]


def call(seq: int, version: str, **fields: Any) -> dict[str, Any]:
    answered = {"outcome": "ok", "status": 200, "marker": "aaa", "instance_id": version}
    return {
        **{"seq": seq, "poster": 1, "todo_id": f"t01-{seq:04}", "planned_ns": seq * 100},
        **{"sent_ns": seq * 100, "received_ns": seq * 100 + 10, "function_version": version},
        **answered,
        **fields,
    }


def orders() -> list[dict[str, Any]]:
    refused = {"outcome": "fail", "status": 403, "marker": None, "function_version": None}
    old = [call(seq, "1") for seq in range(1, 12)]
    new = [call(seq, "2", marker="xxx") for seq in range(12, 22)]
    return [*old, *new, *(call(seq, "2", **refused) for seq in range(22, 40))]


def stock() -> list[dict[str, Any]]:
    return [call(seq, "1", instance_id="s") for seq in range(1, 40)]


def histories(released: list[dict[str, Any]], bystander: list[dict[str, Any]]) -> list[History]:
    return [History(RUN, observations_frame(rows).lazy(), STEPS) for rows in (released, bystander)]


def test_a_bystander_that_notices_nothing_is_no_fault() -> None:
    seen = histories(orders(), stock())
    assert faults_in(seen, CONTROLS, CHANGES) == []
    callers, deployed, changesets = tables(seen, CONTROLS, CHANGES)
    assert callers.rows[1][:9] == (
        "orders",
        "release of orders",
        *["10", "10", "0", "0"],
        "1, 2",
        "2",
        "1",
    )
    assert callers.rows[2][:7] == ("orders", "removal of orders", "20", "2", "18", "0", "2")
    assert callers.rows[5][:9] == (
        "stock",
        "removal of orders",
        *["20", "20", "0", "0", "1", "1", "0"],
    )
    assert deployed.rows[1] == ("removal of orders", "1", "untouched", "the same", "gone")
    assert changesets.rows == [("release of orders", "Modify", "OrdersFunction")]


def spoiled_call(rows: list[dict[str, Any]]) -> None:
    rows[20] = call(21, "1", outcome="fail", status=502)


def spoiled_version(rows: list[dict[str, Any]]) -> None:
    rows[20] = call(21, "2", instance_id="s")


def spoiled_environment(rows: list[dict[str, Any]]) -> None:
    rows[20] = call(21, "1", instance_id="another")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (spoiled_call, "1 of 39 calls of stock not ok"),
        (spoiled_version, "2 values of function_version"),
        (spoiled_environment, "2 values of instance_id"),
    ],
)
def test_whatever_the_bystanders_callers_notice_is_a_fault(
    spoil: Callable[[list[dict[str, Any]]], None], said: str
) -> None:
    rows = stock()
    spoil(rows)
    (fault,) = faults_in(histories(orders(), rows), CONTROLS, CHANGES)
    assert said in fault


def test_on_aws_another_environment_is_counted_and_no_fault() -> None:
    rows = stock()
    spoiled_environment(rows)
    seen = [
        dataclasses.replace(each, run=structs.replace(RUN, target="aws"))
        for each in histories(orders(), rows)
    ]
    assert faults_in(seen, CONTROLS, CHANGES) == []
    assert tables(seen, CONTROLS, CHANGES)[0].rows[5][7] == "2", "it is in the table"


@pytest.mark.parametrize(
    ("controls", "changes", "said"),
    [
        ([*CONTROLS[:2], Control("1", "other", "c", False)], CHANGES, "version, alias or code"),
        ([*CONTROLS[:2], CONTROLS[0]], CHANGES, "function orders is still there"),
        (CONTROLS, [[Change("Modify", "StockFunction", "AWS::Lambda::Function")], []], "changeset"),
    ],
)
def test_what_the_control_plane_did_beyond_the_deploy_is_a_fault(
    controls: list[Control], changes: list[list[Change]], said: str
) -> None:
    (fault,) = faults_in(histories(orders(), stock()), controls, changes)
    assert said in fault


def test_a_removed_route_that_still_answers_is_a_fault() -> None:
    rows = orders()
    rows[-1] = call(39, "2", marker="xxx")
    (fault,) = faults_in(histories(rows, stock()), CONTROLS, CHANGES)
    assert fault == "the removed route answered [200, 403] to the end"


def test_the_changeset_is_read_from_what_sam_prints() -> None:
    line = {"type": "changeset", "action": "Add", "logical_id": "A", "resource_type": "T"}
    said = f'Building...\n{json.dumps(line)}\n{{"type": "event"}}\n[1]\n'
    assert changes_in(said) == [Change("Add", "A", "T")]


def test_a_function_is_taken_out_with_the_outputs_that_name_it() -> None:
    before, after = yaml_parse(TEMPLATE), yaml_parse(without_function(TEMPLATE, "OrdersFunction"))
    assert set(before["Resources"]) - set(after["Resources"]) == {"OrdersFunction"}
    assert set(before["Outputs"]) - set(after["Outputs"]) == {"OrdersFunctionName"}
    for section in ("Resources", "Outputs"):
        assert all(before[section][name] == value for name, value in after[section].items())


def test_the_two_functions_differ_in_their_name_alone() -> None:
    code = {
        name: (ROOT / f"labs/two_functions/{name}/app.py").read_text()
        for name in ("orders", "stock")
    }
    assert code["orders"].replace("/orders", "/stock") == code["stock"]
