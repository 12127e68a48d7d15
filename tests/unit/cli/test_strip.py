"""The strip of the last seconds: a cell each half second, now at the right end."""

from __future__ import annotations

from poster.cli.live import LiveCounts
from poster.cli.strip import ALONE, CELL_S, CELLS, COLOURS, FAILED, MIXED, SILENT, Strip


class Clock:
    """A clock that is set."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def drawn(strip: Strip) -> str:
    plain = strip.text().plain
    assert len(plain) == CELLS
    return plain.lstrip(SILENT)


def test_a_cell_says_who_answered_in_it() -> None:
    clock = Clock()
    strip = Strip(clock)
    for who in (["1"], ["1", "1"], ["1", "2"], ["2", None], [], ["2"]):
        strip.add_all(who)
        clock.now_s += CELL_S
    clock.now_s -= CELL_S
    assert drawn(strip) == f"{ALONE}{ALONE}{MIXED}{FAILED}{SILENT}{ALONE}"


def test_calls_of_one_half_second_share_a_cell() -> None:
    strip = Strip(Clock())
    strip.add_all(["1"])
    strip.add_all(["2"])
    assert drawn(strip) == MIXED


def test_time_goes_on_without_calls_until_nothing_is_left() -> None:
    clock = Clock()
    strip = Strip(clock)
    strip.add_all(["1"])
    clock.now_s += 3 * CELL_S
    assert drawn(strip) == f"{ALONE}{SILENT * 3}"
    clock.now_s += CELLS * CELL_S
    assert drawn(strip) == ""


def test_a_release_keeps_its_colour_and_a_mixture_has_the_newest_ones() -> None:
    clock = Clock()
    strip = Strip(clock)
    strip.add_all(["1"])
    clock.now_s += CELL_S
    strip.add_all(["2", "1"])
    styles = [span.style for span in strip.text().spans if span.style]
    assert styles == [COLOURS[0], COLOURS[1]]
    assert (strip.colour("1"), strip.colour("2")) == COLOURS[:2]


def test_a_narrow_terminal_gets_the_newest_cells_on_one_line() -> None:
    clock, counts = Clock(), LiveCounts()
    counts.strip = Strip(clock)
    for _ in range(CELLS):
        counts.strip.add_all(["1"])
        clock.now_s += CELL_S
    clock.now_s -= CELL_S
    counts.strip.add_all([None])
    assert counts.with_strip(20).plain.splitlines()[1] == f"{ALONE * 19}{FAILED}"
    assert len(counts.with_strip(200).plain.splitlines()[1]) == CELLS
