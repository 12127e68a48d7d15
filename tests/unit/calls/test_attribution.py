from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poster.calls.answer import read_answer
from poster.calls.attribution import MAX_CHARS, Attribution, Header, SourceError, parse_source

HEADERS = b"HTTP/1.1 200 OK\r\nX-Version: 7 \r\nETag: abc\r\n\r\n"
BODY = b'{"build":{"id":12,"a/b~c":"x","beta":true},"releases":["r1","r2"],"":"empty"}'


@pytest.mark.parametrize(
    ("notation", "found"),
    [
        ("header:X-Version", "7"),
        ("header:x-version", "7"),
        ("header:Version", None),
        ("json:/build/id", "12"),
        ("json:/build/a~1b~0c", "x"),
        ("json:/releases/1", "r2"),
        ("json:/releases/2", None),
        ("json:/releases/-1", None),
        ("json:/releases/last", None),
        ("json:/", "empty"),
        ("json:/build", None),
        ("json:/build/beta", None),
        ("json:/build/id/0", None),
        ("json:", None),
        ("regex:r[0-9]", "r1"),
        (r'regex:"id":(\d+)', "12"),
        ("regex:(nothing)?r", None),
        ("regex:nothing", None),
    ],
)
def test_a_source_finds_what_it_names_or_nothing(notation: str, found: str | None) -> None:
    assert parse_source(notation)(HEADERS, BODY) == found


@pytest.mark.parametrize(
    "notation", ["", "X-Version", "header:", "header:a b", "json:a", "regex:", "regex:(", "xpath:/"]
)
def test_a_notation_that_makes_no_sense_is_named(notation: str) -> None:
    with pytest.raises(SourceError, match=r"none of header:NAME|no regular expression"):
        parse_source(notation)


def test_the_last_of_several_answers_counts() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nX-Version: 1\r\n\r\n"
    assert Header("X-Version")(early + HEADERS, b"") == "7"
    assert Header("X-Version")(HEADERS + early.replace(b"X-Version", b"Link"), b"") is None


def test_a_value_is_kept_short() -> None:
    found = parse_source("regex:.*")(b"", b"x" * 100_000)
    assert found == "x" * MAX_CHARS


def test_sources_replace_what_the_todo_api_says_and_change_no_outcome() -> None:
    answer = read_answer(200, b'{"marker":"aaa","functionVersion":"1"}', None)
    sources = Attribution(parse_source("header:X-Version"), parse_source("json:/nowhere"))
    told = sources.apply(answer, HEADERS, BODY)
    assert (told.outcome, told.function_version, told.marker) == ("ok", "7", None)


@given(
    st.sampled_from(["header:X-Version", "json:/a/0", "json:", "regex:(a+)(b)?"]),
    st.binary() | st.just(b"HTTP/1.1 200 OK\r\nX-Version: \xff\xfe\r\n"),
    st.binary() | st.sampled_from([b'{"a":["\\ud800"]}', b"[" * 100_000, b"1e999", b"NaN"]),
)
def test_no_answer_breaks_a_source(notation: str, headers: bytes, body: bytes) -> None:
    found = parse_source(notation)(headers, body)
    assert found is None or found.encode()  # UTF-8 can hold it


def test_a_body_is_a_release_of_its_own() -> None:
    first, again, other = (parse_source("sha256")(b"", body) for body in (b"a", b"a", b"b"))
    assert first == again == "ca978112ca1b"
    assert other != first
