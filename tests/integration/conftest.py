"""One local AWS for a module's tests, and which files begin first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from poster.local.emulator import Emulator
from poster.local.environment import LocalAws

# What waits the longest begins first, so that nothing long is left over at the end.
LONGEST = (
    *("test_experiment", "test_ways", "test_fleet"),
    *("test_around_a_deploy", "test_fleet_entrances", "test_engine_kill", "test_emulator"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else 99)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with Emulator() as emulator:
        yield emulator.aws
