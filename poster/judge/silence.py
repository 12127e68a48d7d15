"""Why was no new release seen to take over, and what would show it? Pure.

Each of these is a truth of its own: answers that name nobody, or not where they were to; answers
that all name $LATEST; and one release before and after.
"""

from __future__ import annotations

import polars as pl

from poster.judge.releases import LATEST


def why_nothing_new(calls: pl.LazyFrame, version_from: str | None = None) -> str:
    """Return a clause with the way out; empty where the answers do not say.

    ``version_from`` is where the answers were to name their version, as `--version-from` has it.
    """
    answered = calls.filter(pl.col("outcome") == "ok")
    names_of = pl.col("function_version", "marker").cast(pl.String)
    pairs = answered.select("function_version", "marker").unique().select(names_of).collect().rows()
    if not pairs:
        return "" if calls.select(pl.len()).collect().item() == 0 else "none was answered ok"
    names = {version if marker is None else marker for version, marker in pairs}
    if pairs == [(None, None)]:
        said = (
            "no answer names its release: say with --version-from where it does (header:NAME,"
            " json:/pointer, regex:PATTERN, sha256)"
            if version_from is None
            else f"no answer has what --version-from {version_from} reads: see one with `curl -i`"
        )
        return f"{said}; or ask Lambda's log with `poster collect RUN --by-logs FUNCTION`"
    if all(version == LATEST and marker is None for version, marker in pairs):
        return (
            f"every answer is by {LATEST}, which is whatever was deployed last: publish versions"
            " behind an alias, or answer with a build id and name it with --version-from"
        )
    if len(names) == 1:
        return (
            f"every answer, before and after, is by {names.pop()}: the deploy published nothing,"
            " or what --version-from reads does not change with a release"
        )
    return ""
