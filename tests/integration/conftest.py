"""Which files begin first."""

from __future__ import annotations

import pytest

# What waits the longest begins first, so that nothing long is left over at the end.
LONGEST = (
    *("test_experiment", "test_ways", "test_fleet"),
    *("test_around_a_deploy", "test_fleet_entrances", "test_engine_kill", "test_emulator"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else 99)
