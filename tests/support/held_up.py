"""What a report may say where the machine stood still while callers were to be answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_HELD_UP = re.compile(r"sent nothing for|too few calls followed")


def is_held_up(result: Mapping[str, Any]) -> bool:
    """Return whether its verdict is unknown, and its witness says that calls were missing."""
    return result["verdict"] == "unknown" and bool(_HELD_UP.search(result["witness"]))
