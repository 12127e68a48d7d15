"""Names, folders and files that a user may choose: they stay where they belong, and are shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from poster.rows.journal import NAME, NAME_FORM


class NameType(click.ParamType[str]):
    """A name that becomes part of a path and of what is printed."""

    name = "name"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the name."""
        if not NAME.fullmatch(value):
            self.fail(f"{value!r} is no name: {NAME_FORM}", param, ctx)
        return str(value)


class FolderType(click.Path):
    """A folder to write to; its name is printed, so it holds no control characters."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path."""
        if not str(value).isprintable():
            self.fail(f"{str(value)!r} holds characters that cannot be shown", param, ctx)
        return super().convert(value, param, ctx)


class LaterFileType(click.Path):
    """A file that is written at the end: what would keep us from it is said at the beginning."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path."""
        path = Path(str(super().convert(value, param, ctx)))
        if not os.access(path.parent, os.W_OK):
            self.fail(f"there is no folder {str(path.parent)!r} to write it into", param, ctx)
        return path
