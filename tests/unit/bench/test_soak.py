"""What counts as flat memory and flat open files in a soak."""

from __future__ import annotations

import pytest

from bench.soak import GROWTH_BYTES_PER_CALL, RATE_PER_S, Look, is_flat

SECONDS = 600


def looks(bytes_per_call: float, files_at_the_end: int = 10, warm_up_mib: float = 0) -> list[Look]:
    per_s = bytes_per_call * RATE_PER_S / 2**20
    return [
        Look(
            at_s,
            45 + per_s * at_s + (warm_up_mib if at_s > SECONDS / 4 else 0),
            files_at_the_end if at_s > 3 / 4 * SECONDS else 10,
        )
        for at_s in range(SECONDS)
    ]


def test_growth_in_the_first_half_is_a_warm_up() -> None:
    assert is_flat(looks(0, warm_up_mib=20))


@pytest.mark.parametrize(("share", "expected"), [(0.9, True), (1.1, False)])
def test_what_every_call_leaves_is_a_leak(share: float, expected: bool) -> None:
    assert is_flat(looks(share * GROWTH_BYTES_PER_CALL)) is expected


def test_files_that_are_not_closed_are_told() -> None:
    assert not is_flat(looks(0, files_at_the_end=20))


def test_the_moment_of_the_end_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert is_flat([*looks(0), Look(SECONDS, 0.0, 0)])
    assert "45.0 MiB at first, 45.0 after half the time, 45.0 at last" in capsys.readouterr().out
