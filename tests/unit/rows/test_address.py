from __future__ import annotations

import pytest

from poster.rows.address import credentials, secrets_of, shown, without

KEY = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("url", "as_shown"),
    [
        ("https://a.example/Prod/todo", "https://a.example/Prod/todo"),
        ("http://[::1]:8080/todo?page=2&sort=", "http://[::1]:8080/todo?page=2&sort="),
        ("http://user:pw@a.example/todo", "http://LEFT-OUT@a.example/todo"),
        ("http://user@a.example", "http://LEFT-OUT@a.example"),
        ("http://:pw@a.example", "http://LEFT-OUT@a.example"),
        ("http://user:p@w@a.example", "http://LEFT-OUT@a.example"),
        ("http://a/?api_key=1", "http://a/?api_key=LEFT-OUT"),
        ("http://a/?api%5Fk%65y=1", "http://a/?api%5Fk%65y=LEFT-OUT"),
        ("http://a/?x=1;token=2&y=3", "http://a/?x=1;token=LEFT-OUT&y=3"),
        ("http://a/?Signature=2&Expires=3", "http://a/?Signature=LEFT-OUT&Expires=3"),
        ("http://a/?X-Amz-Date=2", "http://a/?X-Amz-Date=LEFT-OUT"),
        ("http://a/?passwd=x&PWD=y", "http://a/?passwd=LEFT-OUT&PWD=LEFT-OUT"),
        ("http://a/?next=" + KEY, "http://a/?next=LEFT-OUT"),
        ("http://a/?" + KEY, "http://a/?LEFT-OUT"),
        ("http://a/#access_token=1", "http://a/"),
        ("http://user:p/w@a.example/", "LEFT-OUT"),  # no port, so no URL: who knows what it holds
        ("user:pw@a.example", "LEFT-OUT"),
        ("ftp://user:pw@a.example/", "ftp://LEFT-OUT@a.example/"),
        ("todo.example", "todo.example"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_what_may_be_a_key(url: str, as_shown: str) -> None:
    assert shown(url) == as_shown
    assert shown(as_shown) == as_shown


def test_user_and_password_are_told_apart_from_the_url() -> None:
    url = "https://me%40home:p%3Aw@a.example:8443/todo?x=1#y"
    assert credentials(url) == ("https://a.example:8443/todo?x=1", "me@home", "p:w")
    assert credentials("http://a.example/") == ("http://a.example/", None, None)


def test_what_an_answer_repeats_is_left_out_in_every_form_in_which_it_was_sent() -> None:
    secrets = secrets_of(f"http://me:pass%2Fword@a/?token=a%2Fb%2F{KEY}", f"Bearer {KEY}/", "1")
    said = (
        f"1 no: {KEY}/ a/b/{KEY} a%2Fb%2F{KEY} pass/word pass\\/word pass%2Fword "
        "bWU6cGFzcy93b3Jk"  # me:pass/word as Basic sends it
    )
    left = without(said.encode(), secrets).decode()
    assert set(left.removeprefix("1 no: ").split()) == {"LEFT-OUT"}
    assert left.startswith("1 no: "), "what is too short to be a key stays"
