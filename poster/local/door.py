"""Lets calls of ``$LATEST`` end before the function under them is replaced.

Lambda lets a call that runs end on the code with which it began. MiniStack kills the workers of
``$LATEST`` when its code or configuration is updated, with the calls in them. So the fleet shuts
its door before such an update: calls inside end, new ones wait some milliseconds outside.
"""

from __future__ import annotations

import asyncio
from types import TracebackType


class Door:
    """An asynchronous context manager around each call, and the door that it goes through."""

    def __init__(self) -> None:
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._inside = 0

    async def shut(self, patience_s: float) -> None:
        """Let nobody in; return when all are out, or when patience is."""
        self._is_open.clear()
        try:
            async with asyncio.timeout(patience_s):
                await self._is_empty.wait()
        except TimeoutError:
            return

    def open(self) -> None:
        """Let the waiting in."""
        self._is_open.set()

    async def __aenter__(self) -> None:
        await self._is_open.wait()
        self._inside += 1
        self._is_empty.clear()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inside -= 1
        if not self._inside:
            self._is_empty.set()
