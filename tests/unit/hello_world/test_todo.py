"""The core: what is taken, what is rejected and with which sentence, what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from todo import (
    MAX_BODY_BYTES,
    MAX_DEPTH,
    MAX_TITLE_CHARS,
    MAX_TODO_ID_CHARS,
    Rejected,
    Served,
    Todo,
    answer,
    parse,
    row_of,
    who,
)
from todo_strategies import json_values, nearly_todos, text

SERVED = Served(
    marker="aaa",
    config_marker="aab",
    function_version="3",
    instance_id="2026/11/22/[3]c0ffee",
    cold_start=True,
    created_at_ms=1_598_499_498_051,
    request_id="0fc56d52",
)


def rejection(body: str | bytes) -> tuple[int, str]:
    with pytest.raises(Rejected) as caught:
        parse(body if isinstance(body, bytes) else body.encode())
    return caught.value.status, str(caught.value)


def nested(levels: int) -> str:
    """Return a todo whose document is ``levels`` deep."""
    return '{"todoId": "a", "title": "b", "n": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


@given(text.filter(lambda t: len(t) <= MAX_TODO_ID_CHARS), text, json_values)
def test_what_was_posted_is_what_is_taken(todo_id: str, title: str, note: Any) -> None:
    title = title[:MAX_TITLE_CHARS]
    try:
        body = json.dumps({"todoId": todo_id, "title": title, "note": note}, allow_nan=False)
    except ValueError:
        return  # NaN cannot be posted as JSON
    assert parse(body.encode()) == Todo(todo_id, title)


@given(st.binary() | st.text().map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_todo_or_a_400(body: bytes) -> None:
    check_taken_or_rejected(body)


@given(nearly_todos | json_values)
def test_any_json_is_a_todo_or_a_400(document: Any) -> None:
    check_taken_or_rejected(json.dumps(document).encode())


def check_taken_or_rejected(body: bytes) -> None:
    try:
        outcome: Todo | Rejected = parse(body)
    except Rejected as rejected:
        outcome = rejected
    if isinstance(outcome, Todo):
        assert 0 < len(outcome.todo_id.encode()) <= 4 * MAX_TODO_ID_CHARS
        assert 0 < len(outcome.title.encode()) <= 4 * MAX_TITLE_CHARS
    else:
        assert outcome.status == 400
        assert str(outcome).startswith(("body ", "todoId ", "title "))
        assert str(outcome).isascii()  # our words only, none of the caller's


def test_limits_are_inclusive() -> None:
    at_limit = {"todoId": "i" * MAX_TODO_ID_CHARS, "title": "t" * MAX_TITLE_CHARS}
    assert parse(json.dumps(at_limit).encode()).title == at_limit["title"]
    assert rejection(json.dumps(at_limit | {"todoId": at_limit["todoId"] + "i"})) == (
        400,
        f"todoId is longer than {MAX_TODO_ID_CHARS} characters",
    )
    assert rejection(json.dumps(at_limit | {"title": at_limit["title"] + "t"})) == (
        400,
        f"title is longer than {MAX_TITLE_CHARS} characters",
    )


def test_size_is_counted_in_bytes_and_comes_before_anything_else() -> None:
    frame = '{"todoId": "a", "title": "b", "n": ""}'
    at_limit = frame.replace('""', '"' + "x" * (MAX_BODY_BYTES - len(frame)) + '"')
    assert len(at_limit) == MAX_BODY_BYTES
    assert parse(at_limit.encode()) == Todo("a", "b")
    assert rejection(at_limit + " ") == (413, f"body is longer than {MAX_BODY_BYTES} bytes")
    assert rejection("あ" * (MAX_BODY_BYTES // 3 + 1))[0] == 413
    assert rejection("[" * (MAX_BODY_BYTES + 1))[0] == 413


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 500, 10_000])
def test_deep_nesting_is_rejected_however_deep_the_parser_would_go(levels: int) -> None:
    assert parse(nested(MAX_DEPTH).encode()) == Todo("a", "b")
    sentence = f"body is nested deeper than {MAX_DEPTH} levels"
    assert rejection(nested(levels)) == (400, sentence)
    assert rejection('{"a":' * levels + "1" + "}" * levels) == (400, sentence)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("", "body is not JSON"),
        ("{", "body is not JSON"),
        (b'{"todoId": "a", "title": "\xff"}', "body is not JSON"),
        ('{"todoId": "a", "title": NaN}', "body is not JSON"),
        ('{"todoId": "a", "title": "b", "n": [-Infinity]}', "body is not JSON"),
        ('{"todoId": "a", "title": "b", "n": ' + "9" * 5000 + "}", "body is not JSON"),
        ("null", "body is not a JSON object"),
        ('"todoId"', "body is not a JSON object"),
        ("{}", "todoId is missing"),
        ('{"todoId": "a"}', "title is missing"),
        ('{"todoId": null, "title": "b"}', "todoId is not a string"),
        ('{"todoId": "a", "title": ["b"]}', "title is not a string"),
        ('{"todoId": "", "title": "b"}', "todoId is empty"),
        ('{"todoId": "a", "title": "\\ud800"}', "title holds half a surrogate pair"),
    ],
)
def test_the_sentence_names_the_field_and_the_fault(body: str | bytes, sentence: str) -> None:
    assert rejection(body) == (400, sentence)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse(b'{"todoId": "a", "title": "\\ud83d\\ude00"}').title == "\N{GRINNING FACE}"


def test_the_last_of_two_equal_keys_counts() -> None:
    assert parse(b'{"todoId": "a", "title": "b", "title": "c"}') == Todo("a", "c")


def test_the_row_names_who_served() -> None:
    assert row_of(Todo("t01-0001", "アレを買う"), SERVED) == {
        "todoId": "t01-0001",
        "title": "アレを買う",
        "createdAt": 1_598_499_498_051,
        "lambda": "aaa",
        "functionVersion": "3",
        "configMarker": "aab",
        "instanceId": "2026/11/22/[3]c0ffee",
        "requestId": "0fc56d52",
    }


def test_the_answer_names_who_served() -> None:
    assert answer(Todo("t01-0001", "アレを買う"), None, SERVED) == {
        "message": "ok",
        "todoId": "t01-0001",
        "marker": "aaa",
        "configMarker": "aab",
        "functionVersion": "3",
        "instanceId": "2026/11/22/[3]c0ffee",
        "coldStart": True,
        "createdAt": 1_598_499_498_051,
        "requestId": "0fc56d52",
    }


def test_the_row_and_the_answer_of_one_call_agree() -> None:
    row = row_of(Todo("a", "b"), SERVED)
    row["marker"] = row.pop("lambda")
    shared = set(row) & set(who(SERVED))
    assert len(shared) == 6  # all but coldStart, which says nothing about the row
    assert {name: row[name] for name in shared} == {name: who(SERVED)[name] for name in shared}


@given(text, text)
def test_the_same_title_is_a_success_and_another_a_conflict(title: str, in_table: str) -> None:
    todo = Todo("a", title)
    assert answer(todo, title, SERVED) == answer(todo, None, SERVED)
    if in_table != title:
        with pytest.raises(
            Rejected, match="todoId is taken by a todo with another title"
        ) as caught:
            answer(todo, in_table, SERVED)
        assert caught.value.status == 409
