"""What servers answer is untrusted text in whatever is made of a history."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.support.command import poster

TEXTS = (
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"),
    *("\x1b]0;title\x07", "\x1b[2J", "a\x00b", "a\u202eb", "\x9b31m", "x" * 5000),
    *("<script>alert(1)</script>", "]]><b>", "$\\frac{$", "'\"`", "\ufffe"),
)
OLD, NEW = "=old\x1b[31m$x$<b>", "@new\x00\x07<script>alert(1)</script>"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def row(seq: int) -> dict[str, object]:
    text = TEXTS[seq % len(TEXTS)]
    marker = NEW if seq > 400 else OLD
    at_ns = seq * 20_000_000
    return {
        **{"kind": "observation", "seq": seq, "poster": 1, "todo_id": f"{text}{seq}"},
        **{"planned_ns": at_ns, "sent_ns": at_ns, "received_ns": at_ns + 10_000_000},
        **{"outcome": "ok" if seq % 50 else "fail", "status": 200 if seq % 50 else 500},
        **{"marker": marker, "config_marker": text if seq % 90 == 0 else marker},
        **{"function_version": marker, "instance_id": text, "request_id": text},
        **{"error": None if seq % 50 else text, "pop": text, "remote_ip": text},
    }


@pytest.fixture
def run(tmp_path: Path) -> Path:
    head = {
        **{"kind": "run", "run_id": "=run\x1b[2J<b>", "origin_unix_ns": 1_795_644_687_596_000_000},
        **{"target": "url", "endpoint": "http://a/\x1b[2J", "loop": "closed", "posters": 1},
        **{"settings": {"strategy": "=x\x1b"}, "tools": {"t\x1b": "=v"}, "schema": 1},
    }
    moved = {"from": OLD, "to": NEW, "weight": 1.0}
    step = {"kind": "step", "name": "alias-updated", "at_ns": 7_990_000_000, "detail": moved}
    odd = {"kind": "step", "name": "\x1b[31m<b>", "at_ns": 8_000_000_000, "detail": {"x": "\x1b"}}
    rows = [head, *map(row, range(1, 1000)), step, odd]
    history = tmp_path / "run" / "history.jsonl"
    history.parent.mkdir()
    history.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    return history.parent


def said_by(folder: Path, *arguments: str) -> str:
    ended = poster(folder, *arguments)
    assert ended.exit_code == 0, ended.stderr
    return ended.output


def test_no_terminal_obeys_what_a_server_answered(run: Path) -> None:
    for command in (("report",), ("excerpt",), ("compare", "run")):
        said = said_by(run.parent, *command, "run")
        assert "\\x1b" in said
        assert not CONTROL.search(said), command


def test_no_file_is_made_to_do_what_a_server_answered(run: Path) -> None:
    said_by(run.parent, "report", "run", "--format", "html", "--out", "p.html")
    said_by(run.parent, "report", "run", "--format", "markdown", "--out", "r.md")
    said_by(run.parent, "report", "run", "--junit", "j.xml")
    said_by(run.parent, "compare", "run", "run", "--plot", "c.svg")
    for name in ("p.html", "r.md", "j.xml", "c.svg"):
        text = (run.parent / name).read_text(encoding="utf-8")
        assert not CONTROL.search(text), name
        assert "<script>alert" not in text, name
    for name in ("j.xml", "c.svg"):
        ET.parse(run.parent / name)


def test_no_cell_of_a_table_is_a_formula(run: Path) -> None:
    said_by(run.parent, "export", "run", "--csv", "calls.csv")
    with (run.parent / "calls.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 999
    assert rows[0]["marker"].startswith("'=old")
    for each in rows:
        for name, cell in each.items():
            assert not FORMULA.match(cell), (name, cell)
            assert not CONTROL.search(cell), (name, cell)
