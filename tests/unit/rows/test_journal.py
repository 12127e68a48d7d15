from __future__ import annotations

import datetime
import os
import resource
import signal
import threading
from pathlib import Path

import pytest

from poster.rows.journal import Journal, JournalError, new_run_directory, point_latest_at
from poster.rows.record import Run, Step, decode

RUN = Run("r", 0, "url", "http://127.0.0.1/", "closed", 1)
NOON = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)


def test_rows_are_whole_lines_on_the_file_while_it_is_written(tmp_path: Path) -> None:
    with Journal(tmp_path / "h.jsonl", RUN) as journal:
        journal.write(Step("purge", 1))
        lines = (tmp_path / "h.jsonl").read_text().splitlines()
    assert [decode(line) for line in lines] == [RUN, Step("purge", 1)]


def test_rows_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    with Journal(tmp_path / "h.jsonl", RUN) as journal:

        def write(name: str) -> None:
            for at_ns in range(300):
                journal.write(Step(name * 200, at_ns))

        threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = (tmp_path / "h.jsonl").read_text().splitlines()
    assert len([decode(line) for line in lines]) == 1 + 4 * 300


def test_a_history_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "h.jsonl").write_text("precious\n")
    with pytest.raises(JournalError, match="never overwritten"):
        Journal(tmp_path / "h.jsonl", RUN)
    assert (tmp_path / "h.jsonl").read_text() == "precious\n"


@pytest.mark.parametrize(
    "name",
    ["../../x", "..", ".", "", "a/b", "/tmp/x", "a\nb", "a b", "-x", "a\x1b[31m", "a\0", "a" * 65],
)
def test_a_name_that_leaves_its_folder_or_its_line_is_refused(tmp_path: Path, name: str) -> None:
    runs = tmp_path / "deep" / "runs"
    with pytest.raises(JournalError, match="cannot name a run: letters") as refused:
        new_run_directory(runs, name, NOON)
    assert str(refused.value).isprintable()
    assert not list(tmp_path.iterdir())


def test_a_name_may_be_in_any_script(tmp_path: Path) -> None:
    assert new_run_directory(tmp_path, "アレ_2.0+b@c", NOON).name.endswith("-アレ_2.0+b@c")


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"cannot create .*nowhere.*No such file"):
        Journal(tmp_path / "nowhere" / "h.jsonl", RUN)


def test_a_full_disk_is_named_and_what_was_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    child = os.fork()
    if child == 0:
        # A limit on the file's size is the one full disk that needs no privilege.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        journal = Journal(path, RUN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        try:
            for at_ns in range(1000):
                journal.write(Step("purge", at_ns))
        except JournalError as error:
            os._exit(0 if "File too large" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    whole = path.read_bytes().rpartition(b"\n")[0].splitlines()
    assert decode(whole[0]) == RUN
    assert len(whole) > 10


def test_latest_points_at_the_newest_run(tmp_path: Path) -> None:
    first = new_run_directory(tmp_path / "runs", "a", NOON)
    second = new_run_directory(tmp_path / "runs", "b", NOON)
    point_latest_at(first)
    point_latest_at(second)
    assert first.name == "20261122T120000Z-a"
    assert (tmp_path / "runs" / "latest").resolve() == second.resolve()
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        first.name,
        second.name,
        "latest",
    ]


def test_runs_of_one_name_and_second_have_directories_of_their_own(tmp_path: Path) -> None:
    made = [new_run_directory(tmp_path, "a", NOON) for _ in range(3)]
    assert [path.name.removeprefix("20261122T120000Z-") for path in made] == ["a", "a-2", "a-3"]
    assert all(path.is_dir() for path in made)


def test_many_rows_are_written_in_one_piece(tmp_path: Path) -> None:
    with Journal(tmp_path / "h.jsonl", RUN) as journal:
        journal.write_all([])
        journal.write_all([Step("purge", 1), Step("purge", 2)])
    lines = (tmp_path / "h.jsonl").read_text().splitlines()
    assert [decode(line) for line in lines] == [RUN, Step("purge", 1), Step("purge", 2)]
