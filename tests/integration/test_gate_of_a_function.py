"""The gate on functions that no template of ours knows: asked by Invoke, on the local AWS."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from poster.cli import exit_codes
from poster.local.environment import LocalAws
from tests.support.gate_command import Ended, poster_wait
from tests.support.versioned import App

pytestmark = pytest.mark.local_aws

# 27 answers in a row are enough. No faster: a busy machine must still answer them.
QUICK = ("--stale-share", "0.2", "--max-fail-share", "0.2", "--rate", "25")


@pytest.fixture
def wait(aws: LocalAws, tmp_path: Path) -> Callable[..., Ended]:
    return partial(poster_wait, aws, tmp_path)


def asked(app: App) -> tuple[str, ...]:
    return ("--function-name", app.name, "--alias", "live", "--payload", "{}", *QUICK)


def test_any_function_is_asked_by_invoke_and_its_old_versions_go_last(
    aws: LocalAws, wait: Callable[..., Ended]
) -> None:
    app = App(aws, "by-invoke")
    for _ in range(3):
        app.publish()
    app.point("4")
    ended = wait(
        *(*asked(app), "--was", "1", "--warm", "3", "--payload", '{"busy_s": 0.05}'),
        *("--delete-old-versions", "--keep", "2", "--format", "json"),
    )
    assert ended.code == 0, ended.err
    said = ended.said
    assert said["expected"] == [{"version": "4", "marker": None}]
    assert set(said["endpoints"][0]["answered_by"]) == {"4"}
    assert said["warmed"][0]["environments"] >= 3
    assert said["deleted"][0]["deleted"] == ["1", "2"]
    assert app.versions() == ["3", "4"]


def test_without_alias_the_marker_tells_the_new_release(
    aws: LocalAws, wait: Callable[..., Ended]
) -> None:
    app = App(aws, "by-marker")
    payload = ("--function-name", app.name, "--payload", "{}", *QUICK)
    ended = wait(*payload, "--marker", "m1", "--marker-from", "json:/marker")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("reached: marker m1: ")


def test_nothing_was_published(aws: LocalAws, wait: Callable[..., Ended]) -> None:
    app = App(aws, "unchanged")
    ended = wait(*asked(app), "--was", "1", "--then", "false")
    assert (ended.code, ended.out) == (
        0,
        "nothing to wait for: version 1: no new version was published:"
        " alias live of function unchanged is at version 1 as before\n",
    )


def test_a_version_that_never_comes(aws: LocalAws, wait: Callable[..., Ended]) -> None:
    app = App(aws, "never")
    ended = wait(*asked(app), "--expect", "9", "--timeout", "2", "--then", "false")
    assert (ended.code, ended.out) == (exit_codes.TIMED_OUT, "")
    assert "timed out: version 9: there is no version 9 of function never\n" in ended.err


@pytest.mark.parametrize("while_waiting_for", ["the control plane", "callers"])
def test_an_alias_that_moves_on_to_a_third_version(
    aws: LocalAws, wait: Callable[..., Ended], while_waiting_for: str
) -> None:
    app = App(aws, while_waiting_for.replace(" ", "-"))
    second, third = app.publish(), app.publish()
    if while_waiting_for == "callers":
        app.point(second)

    def someone_else_deploys() -> None:
        time.sleep(3)  # where the alias stood at the first look, it has not moved on to
        app.point(third)

    # So many answers in a row that the alias moves on before.
    patience = ("--stale-share", "0.001", "--then", "false")
    said = "asking Invoke" if while_waiting_for == "callers" else "waiting for the control plane"
    ended = wait(
        *(*asked(app), "--expect", second, *patience), said=said, then=someone_else_deploys
    )
    assert ended.code == exit_codes.SUPERSEDED, ended.err
    assert "moved on to version 3 while version 2 was waited for" in ended.err


@pytest.mark.parametrize("arguments", [(), ("--print-version",)])
def test_an_unknown_function(wait: Callable[..., Ended], arguments: tuple[str, ...]) -> None:
    ended = wait("--function-name", "no", "--alias", "live", "--payload", "{}", *arguments)
    assert (ended.code, ended.out) == (exit_codes.NOT_THERE, "")
    assert "check the name, the region and the account" in ended.err


def test_an_unknown_stack(wait: Callable[..., Ended]) -> None:
    ended = wait("--stack-name", "no")
    assert ended.code == exit_codes.NOT_THERE
    assert "there is no stack no here: deploy it first" in ended.err


def test_a_version_is_asked_before_the_alias_moves(
    aws: LocalAws, wait: Callable[..., Ended]
) -> None:
    app = App(aws, "before")
    app.publish()
    asked_itself = ("--function-name", app.name, "--payload", "{}", *QUICK, "--version", "newest")
    ended = wait(*asked_itself, "--was", "1", "--warm", "2")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("reached: version 2: ")
    assert wait("--function-name", f"{app.name}:live", "--print-version").out == "1\n"


def test_a_version_that_crashes_is_broken_before_any_caller_gets_it(
    aws: LocalAws, wait: Callable[..., Ended]
) -> None:
    app = App(aws, "crashes")
    version = app.publish()
    crashing = ("--function-name", app.name, "--payload", '{"busy_s": "soon"}', *QUICK)
    ended = wait(*crashing, "--version", version)
    assert ended.code == exit_codes.BROKEN, ended.err
    assert "function error Unhandled" in ended.err


def test_several_functions_must_all_get_their_new_version(
    aws: LocalAws, wait: Callable[..., Ended]
) -> None:
    apps = [App(aws, "several-1"), App(aws, "several-2")]
    functions = [word for app in apps for word in ("--function-name", f"{app.name}:live")]
    was = wait(*functions, "--print-version").out.strip()
    assert was == "several-1=1 several-2=1"
    for app in apps:
        app.point(app.publish())
    ended = wait(*functions, "--was", was, "--payload", "{}", *QUICK, "--format", "json")
    assert ended.code == 0, ended.err
    assert [each["name"] for each in ended.said["endpoints"]] == [
        "Invoke of several-1:live",
        "Invoke of several-2:live",
    ]


def test_a_dry_run_lists_what_would_be_deleted(aws: LocalAws, wait: Callable[..., Ended]) -> None:
    app = App(aws, "listed")
    for _ in range(3):
        app.publish()
    app.point("4")
    ended = wait(*asked(app), "--was", "1", "--delete-old-versions", "--dry-run")
    assert ended.code == 0, ended.err
    assert "would delete: 1, 2 of function listed" in ended.out
    assert app.versions() == ["1", "2", "3", "4"]


def test_a_distribution_that_is_not_there_ends_the_command_before_the_wait(
    aws: LocalAws, wait: Callable[..., Ended], tmp_path: Path
) -> None:
    app = App(aws, "no-cdn")
    ended = wait(*asked(app), "--purge-cloudfront", "E0", "--paths", "/*", "--then", "touch done")
    assert (ended.code, ended.out) == (exit_codes.NOT_THERE, "")
    assert "NoSuchDistribution" in ended.err
    assert not (tmp_path / "done").exists()
