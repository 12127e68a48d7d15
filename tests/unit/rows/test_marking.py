"""A step from another process, on the run's clock."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec import structs

from poster.cli.main import main
from poster.rows import marking
from poster.rows.clock import RunClock, boot_id
from poster.rows.journal import Journal
from poster.rows.loading import load
from poster.rows.marking import MarkError, mark
from poster.rows.record import Run, encode
from tests.support.histories import RUN, rows, write_history


def running(clock: RunClock) -> Run:
    return structs.replace(
        RUN,
        origin_unix_ns=clock.origin_unix_ns,
        origin_monotonic_ns=clock.origin_monotonic_ns,
        boot_id=boot_id(),
    )


def test_a_mark_is_a_step_on_the_runs_clock(tmp_path: Path) -> None:
    clock = RunClock()
    write_history(tmp_path / "history.jsonl", rows("aab"), running(clock))
    before_ns = clock.now_ns()
    command = ["-m", "poster", "mark", "alias-updated", "from=1", "to=2", "weight=0.1"]
    subprocess.run([sys.executable, *command, "--run", str(tmp_path)], check=True)
    (step,) = load(tmp_path).steps
    assert (step.name, step.detail) == ("alias-updated", {"from": "1", "to": "2", "weight": 0.1})
    assert before_ns < step.at_ns < clock.now_ns()


@pytest.mark.parametrize("boot", ["another", None])
def test_in_another_boot_the_wall_clock_places_it_and_the_detail_says_so(
    tmp_path: Path, boot: str | None
) -> None:
    run = structs.replace(
        running(RunClock()), boot_id=boot, origin_unix_ns=time.time_ns() - 5 * 10**9
    )
    path = write_history(tmp_path / "history.jsonl", [], run)
    mark(path, "deploy-started", {})
    (step,) = load(path).steps
    assert step.detail == {"clock": "wall"}
    assert 5 * 10**9 <= step.at_ns < 60 * 10**9


def test_a_wall_clock_that_is_set_meanwhile_reorders_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_history(tmp_path / "history.jsonl", [], running(RunClock()))
    mark(path, "deploy-started", {})
    monkeypatch.setattr(marking.time, "time_ns", lambda: 0)
    mark(path, "deploy-finished", {})
    assert [step.name for step in load(path).steps] == ["deploy-started", "deploy-finished"]


def test_marks_and_the_writer_do_not_tear_each_others_lines(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    calls = [row for row in rows("ab" * 2000) if hasattr(row, "seq")]
    with Journal(path, running(RunClock())) as journal:

        def write() -> None:
            for at in range(0, len(calls), 7):
                journal.write_all(calls[at : at + 7])

        writer = threading.Thread(target=write)
        writer.start()
        markers = [
            threading.Thread(target=mark, args=(path, "tick", {"n": "x" * 900})) for _ in range(40)
        ]
        for each in markers:
            each.start()
        for each in (writer, *markers):
            each.join()
    history = load(path)
    assert (history.observations.height, len(history.steps)) == (4000, 40)
    assert (history.malformed_lines, history.torn_bytes) == (0, 0)


def test_after_a_torn_line_the_mark_is_a_line_of_its_own(tmp_path: Path) -> None:
    path = write_history(tmp_path / "history.jsonl", rows("aab"), running(RunClock()))
    torn = path.read_bytes()[:-9]
    path.write_bytes(torn)
    mark(path, "deploy-started", {})
    assert path.read_bytes().startswith(torn + b"\n")
    history = load(path)
    assert [step.name for step in history.steps] == ["deploy-started"]
    assert (history.observations.height, history.malformed_lines) == (2, 1)


@pytest.mark.parametrize(
    ("name", "detail", "said"),
    [
        ("", {}, "no name of a step"),
        ("Deploy Started", {}, "no name of a step"),
        ("a\nb", {}, "no name of a step"),
        ("calls-dropped", {"count": 3}, "nobody else can know that"),
        ("alias-updated", {"to": "2"}, "needs from=VERSION and to=VERSION"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(
    tmp_path: Path, name: str, detail: dict[str, object], said: str
) -> None:
    path = write_history(tmp_path / "history.jsonl", rows("aab"))
    before = path.read_bytes()
    with pytest.raises(MarkError, match=said):
        mark(path, name, detail)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [None, "", "not json\n", json.dumps({"kind": "step"}) + "\n"])
def test_without_a_history_nothing_is_made(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "history.jsonl"
    if content is not None:
        path.write_text(content)
    result = CliRunner().invoke(main, ["mark", "deploy-started", "--run", str(path)])
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert path.exists() == (content is not None)
    assert content is None or path.read_text() == content


@pytest.mark.parametrize("said", ["from", "=1", "weight=much", "weight=nan", "weight=50"])
def test_a_detail_that_is_none_is_refused(tmp_path: Path, said: str) -> None:
    path = write_history(tmp_path / "history.jsonl", rows("aab"))
    result = CliRunner().invoke(main, ["mark", "deploy-started", said, "--run", str(path)])
    assert result.exit_code == 2
    assert path.read_text().count("step") == 0


def test_a_run_that_says_nothing_of_its_boot_is_read(tmp_path: Path) -> None:
    fields = json.loads(encode(RUN))
    del fields["origin_monotonic_ns"], fields["boot_id"]
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps(fields) + "\n")
    assert load(path).run == RUN
