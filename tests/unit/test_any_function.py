"""The page for functions that are not this project's: what can be run of it is run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from poster.calls.attribution import parse_source

PAGE = (Path(__file__).parents[2] / "docs" / "any_function.md").read_text(encoding="utf-8")


def test_the_python_snippet_answers_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(snippet, "any_function.md", "exec"), names)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    answer = names["lambda_handler"]({}, None)
    headers = "".join(f"\r\n{name}: {value}" for name, value in answer["headers"].items())
    block = f"HTTP/1.1 200 OK{headers}\r\n\r\n".encode()
    assert parse_source("header:X-Version")(block, answer["body"].encode()) == "7"


def test_the_regular_expression_finds_the_hashed_name_of_a_script() -> None:
    (source,) = re.findall(r"`(regex:/assets[^`]*)`", PAGE)
    body = b'<script src="/assets/index-4f9a1c.js"></script>'
    assert parse_source(source)(b"", body) == "4f9a1c"


@pytest.mark.parametrize("language", ["javascript", "go", "java", "ruby", "csharp", "sh"])
def test_every_runtime_has_its_line(language: str) -> None:
    (snippet,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert "X-Version" in snippet
