"""What must hold between calls, answers and the store, whoever answered. Pure.

In the spirit of Jepsen's checkers: every check returns how often it is violated and names a few
of the rows that show it (the *witness*). An unknown outcome is no violation; the store says what
became of it. ``rows`` is the table after the run, or None when nobody dumped it; then everything
that needs it counts 0 and ``rows_read`` is None, which readers must not take for a pass.

Invariant: a check never changes another one's count.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import polars as pl

from poster.judge.releases import is_published_version
from poster.rows.history import History
from poster.rows.skew import ClockEstimate

MAX_WITNESSES = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """How often one thing is wrong, and which rows show it."""

    count: int = 0
    witnesses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Checks:
    """All findings of one history."""

    rows_read: int | None
    lost_writes: Finding  # answered ok, not in the store
    duplicate_rows: Finding  # in the store more than once
    phantom_rows: Finding  # in the store, no call of this history asked for it
    failed_but_written: Finding  # answered no, in the store all the same
    marker_mismatches: Finding  # the answer and the row name different markers
    chimeras: Finding  # code of one release with the configuration of another
    unknown_written: Finding
    unknown_not_written: Finding
    sequence_gaps: Finding  # calls that were numbered but left no row
    repeated_seqs: Finding
    mixed_versions: Finding  # one function version answered with two markers
    outside_call: Finding  # the server's time fits no moment of the call
    malformed_lines: int
    torn_bytes: int


def check(history: History, rows: pl.DataFrame | None, clock: ClockEstimate) -> Checks:
    """Return what the checks find."""
    observations = history.observations
    store = _StoreChecks(observations, rows)
    return Checks(
        rows_read=None if rows is None else rows.height,
        lost_writes=store.calls_without_row("ok"),
        duplicate_rows=store.duplicate_rows(),
        phantom_rows=store.phantom_rows(),
        failed_but_written=store.calls_with_row("fail"),
        marker_mismatches=store.marker_mismatches(),
        chimeras=_chimeras(observations, history.run.settings.get("releases")),
        unknown_written=store.calls_with_row("unknown"),
        unknown_not_written=store.calls_without_row("unknown"),
        sequence_gaps=_run_by_run(_sequence_gaps, observations),
        repeated_seqs=_run_by_run(_repeated_seqs, observations),
        mixed_versions=_mixed_versions(observations),
        outside_call=Finding(clock.outside, tuple(f"call {seq}" for seq in clock.outside_seqs)),
        malformed_lines=history.malformed_lines,
        torn_bytes=history.torn_bytes,
    )


class _StoreChecks:
    """The checks that compare calls with the rows of the table."""

    def __init__(self, observations: pl.DataFrame, rows: pl.DataFrame | None) -> None:
        self._rows = rows
        if rows is None:
            return
        self._calls = observations.select(
            "seq", "todo_id", "outcome", pl.col("marker").cast(pl.String)
        )
        self._written = rows.select("todo_id", pl.col("marker").alias("row_marker"))

    def calls_without_row(self, outcome: str) -> Finding:
        if self._rows is None:
            return Finding()
        calls = self._calls.filter(pl.col("outcome") == outcome)
        return _calls_found(calls.join(self._written, on="todo_id", how="anti"))

    def calls_with_row(self, outcome: str) -> Finding:
        """Find calls of that outcome whose row is there and that no ok call explains."""
        if self._rows is None:
            return Finding()
        calls = self._calls.filter(pl.col("outcome") == outcome)
        found = calls.join(self._written, on="todo_id", how="semi")
        if outcome == "fail":
            others = self._calls.filter(pl.col("outcome") != "fail")
            found = found.join(others, on="todo_id", how="anti")
        return _calls_found(found)

    def duplicate_rows(self) -> Finding:
        if self._rows is None:
            return Finding()
        repeated = (
            self._written.group_by("todo_id").len("times").filter(pl.col("times") > 1)
        ).sort("todo_id")
        witnesses = repeated.head(MAX_WITNESSES).rows()
        extra = int(repeated["times"].sum()) - repeated.height
        return Finding(extra, tuple(f"{todo_id}, {times} rows" for todo_id, times in witnesses))

    def phantom_rows(self) -> Finding:
        if self._rows is None:
            return Finding()
        found = self._written.join(self._calls, on="todo_id", how="anti").sort("todo_id")
        return Finding(found.height, tuple(found["todo_id"].head(MAX_WITNESSES)))

    def marker_mismatches(self) -> Finding:
        """Compare where a todo was called once: of a retry the first writer's marker stays."""
        if self._rows is None:
            return Finding()
        once = self._calls.filter(pl.len().over("todo_id") == 1, pl.col("outcome") == "ok")
        found = once.join(self._written, on="todo_id").filter(
            pl.col("marker") != pl.col("row_marker")
        )
        witnesses = found.sort("seq").head(MAX_WITNESSES).select("seq", "marker", "row_marker")
        return Finding(
            found.height,
            tuple(f"call {seq}: {said}, row: {row}" for seq, said, row in witnesses.iter_rows()),
        )


def _calls_found(calls: pl.DataFrame) -> Finding:
    named = calls.sort("seq").head(MAX_WITNESSES).select("seq", "todo_id")
    return Finding(calls.height, tuple(f"call {seq} ({todo})" for seq, todo in named.iter_rows()))


def _chimeras(observations: pl.DataFrame, releases: object) -> Finding:
    """Count answers whose marker and config marker belong to different releases of the list."""
    if not isinstance(releases, list):
        return Finding()
    pairs = [
        (release.get("marker"), release.get("config_marker"))
        for release in releases
        if isinstance(release, dict)
    ]
    codes = {code for code, _ in pairs if isinstance(code, str)}
    configs = {config for _, config in pairs if isinstance(config, str)}
    met = (
        observations.lazy()
        .group_by("marker", "config_marker")
        .agg(pl.len().alias("calls"), pl.col("seq").min())
        .sort("seq")
        .collect()
    )
    mixed = [
        (f"call {seq}: code {code}, configuration {config}", calls)
        for code, config, calls, seq in met.iter_rows()
        if code in codes and config in configs and (code, config) not in pairs
    ]
    return Finding(
        sum(calls for _, calls in mixed), tuple(text for text, _ in mixed[:MAX_WITNESSES])
    )


def _run_by_run(find: Callable[[pl.Series], Finding], observations: pl.DataFrame) -> Finding:
    """Look at the numbers that each run gave its calls; a merged history has several runs."""
    if "run" not in observations.columns:
        return find(observations["seq"])
    runs = observations.select("run", "run_seq").partition_by("run", as_dict=True)
    found = {run: find(calls["run_seq"].alias("seq")) for (run,), calls in sorted(runs.items())}
    witnesses = [f"run {run}, {each}" for run, one in found.items() for each in one.witnesses]
    return Finding(sum(one.count for one in found.values()), tuple(witnesses[:MAX_WITNESSES]))


def _sequence_gaps(seq: pl.Series) -> Finding:
    present = seq.filter(seq > 0).unique().sort()
    if present.is_empty():
        return Finding()
    before = present.shift(1, fill_value=0)
    gaps = pl.DataFrame({"first": before + 1, "last": present - 1}).filter(
        pl.col("first") <= pl.col("last")
    )
    missing = sum(last - first + 1 for first, last in gaps.iter_rows())
    return Finding(
        missing,
        tuple(
            f"call {first}" if first == last else f"calls {first} to {last}"
            for first, last in gaps.head(MAX_WITNESSES).iter_rows()
        ),
    )


def _repeated_seqs(seq: pl.Series) -> Finding:
    if seq.n_unique() == seq.len():
        return Finding()
    repeated = seq.value_counts(name="times").filter(pl.col("times") > 1).sort("seq")
    extra = int(repeated["times"].sum()) - repeated.height
    return Finding(extra, tuple(f"call {number}" for number in repeated["seq"].head(MAX_WITNESSES)))


def _mixed_versions(observations: pl.DataFrame) -> Finding:
    """Count versions that answered with more than one marker: a version never changes its code."""
    answered = (
        observations.lazy()
        .group_by(pl.col("function_version"), pl.col("marker").cast(pl.String))
        .agg(pl.col("seq").min())
        .drop_nulls()
        .sort("seq")
        .collect()
    )
    published = [is_published_version(version) for version in answered["function_version"]]
    markers = (
        answered.filter(pl.Series(published, dtype=pl.Boolean))
        .group_by("function_version", maintain_order=True)
        .agg("marker", "seq")
        .filter(pl.col("seq").list.len() > 1)
    )
    witnesses = tuple(
        f"version {version}: {names[0]} in call {seqs[0]}, {names[1]} in call {seqs[1]}"
        for version, names, seqs in markers.head(MAX_WITNESSES).iter_rows()
    )
    return Finding(markers.height, witnesses)
