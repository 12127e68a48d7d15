"""A value against one of the schemas in ``docs/schemas/``.

Readers let fields pass that they do not know; what we write holds no field that is not described.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def faults(name: str, value: Any) -> list[str]:
    """Return where a value is not what that schema says; empty if it is exactly that."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    for described in schema["$defs"].values():
        described["additionalProperties"] = False
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(value)]
