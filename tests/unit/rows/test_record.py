from __future__ import annotations

import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.rows.record import MalformedLineError, Observation, Run, Step, decode, encode

texts = st.text(max_size=20)
nanoseconds = st.integers(0, 2**62)
json_objects = st.dictionaries(
    texts, st.recursive(st.none() | st.booleans() | st.integers() | texts, st.lists), max_size=3
)
observations = st.builds(
    Observation,
    seq=st.integers(1, 2**63 - 1),
    poster=st.integers(1, 99),
    todo_id=texts,
    planned_ns=nanoseconds,
    sent_ns=nanoseconds,
    received_ns=st.none() | nanoseconds,
    outcome=st.sampled_from(["ok", "fail", "unknown"]),
    status=st.none() | st.integers(100, 599),
    marker=st.none() | texts,
    cold_start=st.none() | st.booleans(),
    error=st.none() | texts,
    pop=st.none() | texts,
    cache=st.none() | texts,
    connection=st.sampled_from([None, "new", "kept"]),
    remote_ip=st.none() | texts,
)
steps = st.builds(Step, name=texts, at_ns=nanoseconds, detail=json_objects)
runs = st.builds(
    Run,
    run_id=texts,
    origin_unix_ns=nanoseconds,
    target=st.sampled_from(["local", "aws", "url"]),
    endpoint=texts,
    loop=st.sampled_from(["closed", "open"]),
    posters=st.integers(1, 99),
    pause_s=st.none() | st.floats(0, 60),
    settings=json_objects,
)


@given(runs | observations | steps)
def test_a_row_survives_the_file(row: Run | Observation | Step) -> None:
    line = encode(row)
    assert "\n" not in line
    assert decode(line) == row
    assert decode(line.encode("utf-8", "surrogatepass")) == row


@given(observations)
def test_a_line_has_exactly_the_documented_fields(row: Observation) -> None:
    assert list(json.loads(encode(row))) == [
        *("kind", "seq", "poster", "todo_id", "planned_ns", "sent_ns", "received_ns", "outcome"),
        *("status", "marker", "config_marker", "function_version", "instance_id", "cold_start"),
        *("server_ms", "request_id", "error", "pop", "cache", "connection"),
        "remote_ip",
    ]


@given(observations)
def test_fields_of_other_programs_are_ignored(row: Observation) -> None:
    assert decode(json.dumps({**json.loads(encode(row)), "colour": "red"})) == row


def test_a_field_that_may_be_null_may_be_missing() -> None:
    line = (
        '{"kind":"observation","seq":1,"poster":1,"todo_id":"t01-0001","planned_ns":0,'
        '"sent_ns":0,"outcome":"unknown"}'
    )
    assert decode(line) == Observation(1, 1, "t01-0001", 0, 0, None, "unknown")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"kind":"row"}', "kind is 'row'"),
        ('{"kind":["run"]}', "kind is"),
        ('{"kind":"step","at_ns":1}', "no step row: Object missing required field `name`"),
        (
            '{"kind":"step","name":"purge","at_ns":"1"}',
            "no step row: Expected `int`, got `str`",
        ),
        (
            '{"kind":"step","name":"purge","at_ns":true}',
            "no step row: Expected `int`, got `bool`",
        ),
        (
            '{"kind":"step","name":"purge","at_ns":1,"detail":null}',
            "no step row: Expected `object`",
        ),
        (
            '{"kind":"observation","seq":1,"poster":1,"todo_id":"t","planned_ns":0,"sent_ns":0,'
            '"outcome":"ok","connection":"old"}',
            "no observation row: Invalid enum value 'old' - at `$.connection`",
        ),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_malformed_line_is_named(line: str, said: str) -> None:
    with pytest.raises(MalformedLineError, match="^" + re.escape(said)):
        decode(line)


@given(st.text() | st.binary())
def test_any_line_is_a_row_or_malformed(line: str | bytes) -> None:
    with contextlib.suppress(MalformedLineError):
        decode(line)
