"""The result as JSON; ``docs/method.md`` shows the object."""

from __future__ import annotations

import json

from poster.judge.analysis import Result


def render(result: Result) -> str:
    """Return the result as indented JSON with a final newline."""
    return json.dumps(result.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
