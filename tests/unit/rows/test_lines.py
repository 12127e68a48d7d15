"""A line of a history is what ``decode`` says of it, in a small history and in a large one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from poster.rows import loading
from poster.rows.loading import load
from poster.rows.record import MalformedLineError, Observation, Row, Step, decode, encode
from tests.support.histories import RUN, rows

GOOD = encode(rows("a")[0]).encode()
STEP = b'{"kind":"step","name":"purge","at_ns":5}'
FIELDS = ("kind", *Observation.__struct_fields__, "of another program")
VALUES = [
    *("null", "true", "false", "[]", '["a"]', "{}", '{"a":1}', '{"marker":5,"seq":"x"}'),
    *('""', '"x"', '"ok"', '"kept"', '"5"', '"-1.5"', '"true"', '"[]"', '"{}"', '"Static("'),
    *("5", "-5", "-0", "-0.0", "5.0", "1.5", "5e0", "1e22", "1e400", "01", "1.", "+1", "0x10"),
    *(
        str(sign * 2**bits + more)
        for bits in (53, 62, 63, 64)
        for sign in (1, -1)
        for more in (0, 1)
    ),
    *("9" * 30, "9" * 400, "NaN", "Infinity", "-Infinity", "nul", '"\t"', r'"\x"'),
    *(r'"\u0000"', r'"\ud800"', r'"a\ud800b"', r'"\udc00"', r'"\ud83d\ude00"', r'"\u0061"'),
]
TEXTS = ["text", "5", "1.5", "true", "null", "[]", "{}", "", "é", "\0", "\x85\u2028", "Static("]
DAMAGED = [
    *(b"not json", b"[1]", b'"x"', b"5", b"null", b"{}", b"\xff\xfe", b"\x00", b"[" * 3000),
    *(b"", b" \t", b"\r", b"\x0b", b"\x0c", b"\xef\xbb\xbf" + GOOD, GOOD + b"\r", b"  " + GOOD),
    *(GOOD * 2, GOOD + b"," + GOOD, b"[" + GOOD + b"]", GOOD + b"x", GOOD[:-1], GOOD[:-1] + b",}"),
    GOOD.replace(b":", b" : ").replace(b",", b",\t"),
    GOOD.replace(b'"marker"', rb'"mark\u0065r"'),
    GOOD.replace(b'"marker":"aaa"', rb'"mark\u0065r":5'),
    GOOD.replace(b'"aaa"', b'"\xff"'),
    GOOD.replace(b'"aaa"', b'"\xed\xa0\x80"'),
    GOOD.replace(b"}", b',"\xff":1}'),
    GOOD.replace(b"}", rb',"\ud800":1}'),
    GOOD.replace(b"}", b',"x":' + b"[" * 200 + b"]" * 200 + b"}"),
    encode(RUN).encode(),
    *(STEP, STEP.replace(b"5", b"5.0"), STEP.replace(b"5", b"9" * 30)),
    *(STEP[:-1] + b',"' + more + b"}" for more in (b'seq":"x"', b'marker":5', b'status":[1]')),
    *(STEP[:-1] + b',"detail":' + more + b"}" for more in (b"null", b'{"a":1e999}', b'{"a":[1]}')),
    STEP.replace(b"purge", rb"\ud800"),
]


def with_value(line: bytes, field: str, value: str) -> bytes:
    """Return the line with another value, as text, of a field."""
    left = {name: text for name, text in json.loads(line).items() if name != field}
    return b"%s,%s:%s}" % (
        json.dumps(left).encode()[:-1],
        json.dumps(field).encode(),
        value.encode(),
    )


def twice(line: bytes, field: str, value: str) -> list[bytes]:
    pair = b"%s:%s" % (json.dumps(field).encode(), value.encode())
    return [b"{%s,%s" % (pair, line[1:]), b"%s,%s}" % (line[:-1], pair)]


def said_by_decode(lines: Sequence[bytes]) -> tuple[list[Row], int]:
    found: list[Row] = []
    whole = [line for line in lines if line.strip()]
    for line in whole:
        try:
            row = decode(line)
        except MalformedLineError:
            continue
        if isinstance(row, Observation | Step):
            found.append(row)
    return found, len(whole) - len(found)


def read(lines: Sequence[bytes], *, is_large: bool) -> tuple[list[Row], int]:
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "LARGE_BYTES", 0 if is_large else 2**40)
        path = Path(scratch) / "history.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in [encode(RUN).encode(), *lines]))
        history = load(path)
        calls = [Observation(**call) for call in history.observations.to_dicts()]
        return [*calls, *history.steps], history.malformed_lines


def hold_to_decode(lines: Sequence[bytes], *, is_large: bool) -> None:
    found, malformed = said_by_decode(lines)
    calls = sorted((row for row in found if isinstance(row, Observation)), key=lambda row: row.seq)
    steps = sorted((row for row in found if isinstance(row, Step)), key=lambda row: row.at_ns)
    assert read(lines, is_large=is_large) == ([*calls, *steps], malformed)


def hold_each_to_decode(found: Sequence[bytes]) -> None:
    # Each among good lines, so that Polars alone has read it unless it says that it cannot.
    for line in found:
        hold_to_decode([GOOD, line, GOOD], is_large=False)
    hold_to_decode(found, is_large=True)


@pytest.mark.parametrize("field", FIELDS)
def test_any_value_of_a_field(field: str) -> None:
    hold_each_to_decode([with_value(GOOD, field, value) for value in VALUES])


@pytest.mark.parametrize("field", FIELDS)
def test_of_a_field_that_stands_there_twice_the_first_counts(field: str) -> None:
    values = ('"9"', "9", "null", '"step"')
    hold_each_to_decode([line for value in values for line in twice(GOOD, field, value)])


@pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
def test_any_other_line(line: bytes) -> None:
    hold_each_to_decode([line])


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("field", ["todo_id", "marker", "function_version", "error"])
def test_texts_that_look_like_something_else_are_texts(field: str, text: str) -> None:
    row = structs.replace(decode(GOOD), **{field: text})
    assert read([encode(row).encode()] * 2, is_large=True) == ([row, row], 0)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    line = draw(st.sampled_from([GOOD, STEP]))
    for field in draw(st.lists(st.sampled_from([*FIELDS, "name", "at_ns", "detail"]), max_size=3)):
        line = with_value(line, field, draw(st.sampled_from(["1", "null", '"2"', '"\\u00e9"'])))
    return draw(st.sampled_from([line, line, line[: len(line) // 2], *DAMAGED]))


@settings(max_examples=60, deadline=None)
@given(found=st.lists(lines(), max_size=12), block_bytes=st.sampled_from([300, 1500, 10**6]))
def test_lines_of_all_kinds_together(found: list[bytes], block_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "BLOCK_BYTES", block_bytes)
        patch.setattr(loading, "SMALL_BLOCK_BYTES", block_bytes // 4)
        for is_large in (False, True):
            hold_to_decode(found, is_large=is_large)
