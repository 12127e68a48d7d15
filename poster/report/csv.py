"""The calls of a history as CSV that a spreadsheet takes for data, whatever servers answered.

A text that begins as a formula does gets an apostrophe before it, as spreadsheets write one
themselves; control characters are replaced, for whoever looks at the file on a terminal.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

# The second four are the first in the full width of East Asian scripts.
_FORMULA = r"^[=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\x{202a}-\x{202e}\x{2066}-\x{2069}]"
_REPLACED = "\N{REPLACEMENT CHARACTER}"


def write(calls: pl.LazyFrame, path: Path) -> None:
    """Write the calls. Raises OSError."""
    words = pl.col(pl.String, pl.Categorical, pl.Enum).cast(pl.String)
    text = words.str.replace_all(_CONTROL, _REPLACED)
    calls.with_columns(text.str.replace(_FORMULA, "'${0}")).sink_csv(path)
