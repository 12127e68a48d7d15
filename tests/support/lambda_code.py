"""A lab's function as Lambda imports it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest


@contextmanager
def imported_app(folder: Path) -> Iterator[ModuleType]:
    """Give the folder's app; other functions have an app of the same name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        others = {name: sys.modules.pop(name, None) for name in ("app", "release")}
        yield importlib.import_module("app")
        for name, other in others.items():
            sys.modules.pop(name)
            if other is not None:
                sys.modules[name] = other
