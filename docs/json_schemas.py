"""The JSON Schemas in ``docs/schemas/``, made from the classes that are read and written."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from poster.cli.wait_report import WaitResult
from poster.report.json import Report
from poster.rows.record import Row

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """Return the text of each schema by its name."""
    made = {
        "history": ("One line of history.jsonl", _may_be_left_out(msgspec.json.schema(Row))),
        "result": ("What a history proves", _always_there(msgspec.json.schema(Report))),
        "wait": ("How a wait ended", msgspec.json.schema(WaitResult)),
    }
    return {
        name: json.dumps({"$schema": DIALECT, "title": title, **schema}, indent=2) + "\n"
        for name, (title, schema) in made.items()
    }


def _may_be_left_out(history: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without requiring what may be null: readers take both for the same."""
    for row in history["$defs"].values():
        row["required"] = [
            name
            for name in row["required"]
            if {"type": "null"} not in row["properties"][name].get("anyOf", ())
        ]
    return history


def _always_there(result: dict[str, Any]) -> dict[str, Any]:
    """Return the schema requiring every field: a default is for us who write it."""
    for part in result["$defs"].values():
        part["required"] = list(part["properties"])
        for described in part["properties"].values():
            described.pop("default", None)
    return result
