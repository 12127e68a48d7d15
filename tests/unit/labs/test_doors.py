"""The function answers every door's event; the doors' test tells shared front ends from others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from labs.doors.judge import ALIKE, Times, chance_if_alike, faults_in, round_of, tables
from tests.support.histories import history
from tests.support.lambda_code import imported_app

DOOR = Path(__file__).parents[3] / "labs" / "doors"
CONTEXT = SimpleNamespace(function_version="7", log_stream_name="stream")


@pytest.fixture(scope="module")
def app() -> Iterator[ModuleType]:
    with imported_app(DOOR / "door") as app:
        yield app


@pytest.mark.parametrize("path", sorted((DOOR / "events").iterdir()), ids=lambda path: path.stem)
def test_the_event_of_every_door_is_answered(app: ModuleType, path: Path) -> None:
    said = app.lambda_handler(json.loads(path.read_text()), CONTEXT)
    if path.stem != "invoke":
        assert (said["statusCode"], said["isBase64Encoded"]) == (200, False)
        said = json.loads(said["body"])
    assert (said["door"], said["functionVersion"]) == (path.stem.replace("_", "-"), "7")


def answers(draw: Random, lags_s: list[float], rate_per_s: float = 20.0) -> Times:
    """Return answers in the 10 s after a switch, each from a front end by chance."""
    times_s = np.arange(0, 10, 1 / rate_per_s)
    stale = np.array([at < draw.choice(lags_s) for at in times_s])
    return times_s, stale


def lags(draw: Random) -> list[float]:
    return [draw.uniform(0, 8) for _ in range(8)]


def test_doors_with_the_same_front_ends_are_taken_for_different_ones_as_rarely_as_said() -> None:
    draw = Random(1)
    chances = []
    for seed in range(60):
        same = lags(draw)
        chances.append(chance_if_alike([(answers(draw, same), answers(draw, same))], seed))
    assert sum(chance < ALIKE for chance in chances) <= 8  # P(more | 5 %) is under 1 %


def test_doors_with_front_ends_of_their_own_are_told_apart() -> None:
    draw = Random(2)
    found = [
        chance_if_alike([(answers(draw, lags(draw)), answers(draw, lags(draw))) for _ in range(2)])
        for _ in range(12)
    ]
    assert sum(chance < ALIKE for chance in found) >= 10


def test_answers_that_show_no_mixture_say_nothing() -> None:
    nothing = (np.array([0.1, 0.2]), np.array([False, False]))
    assert chance_if_alike([(nothing, nothing)]) == 1.0


def test_a_round_has_a_row_a_door_and_names_what_failed() -> None:
    found = round_of("x", {"one": history("aaa|ababbbb"), "other": history("aaa|!babbbb")})
    seen, pairs = tables([found])
    assert [row[1] for row in seen.rows] == ["one", "other"]
    assert [row[1] for row in pairs.rows] == ["one, other"]
    assert any("calls of other were not ok" in fault for fault in faults_in([found]))
