"""Options of the test suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from poster.local.emulator import Emulator
from poster.local.environment import LocalAws

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("poster", deadline=None)
hypothesis.settings.load_profile("poster")

GOLDEN = Path(__file__).parent / "golden"

# What takes the longest begins first, so that nothing long is left over at the end.
LONGEST = (
    *("test_experiment", "test_ways", "test_fleet"),
    *("test_around_a_deploy", "test_fleet_entrances", "test_engine_kill", "test_emulator"),
    *("test_less_data", "test_odd_machines"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--aws", action="store_true", help="also run what needs a real AWS account")
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else 99)
    if config.getoption("--aws"):
        return
    for item in items:
        if item.get_closest_marker("aws"):
            item.add_marker(pytest.mark.skip(reason="needs a real AWS account; run with --aws"))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name, or write it with --update-golden."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{name}; see --update-golden"

    return compare


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """Give a module's tests one local AWS."""
    with Emulator() as emulator:
        yield emulator.aws
