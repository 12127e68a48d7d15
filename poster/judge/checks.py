"""What must hold between calls, answers and the store, whoever answered. Pure.

In the spirit of Jepsen's checkers: every check returns how often it is violated and names a few
of the rows that show it (the *witness*). An unknown outcome is no violation; the store says what
became of it. ``rows`` is the table after the run, or None when nobody dumped it; then what needs it
is not checked, and reports must not take that for a pass.

``CHECKS`` is the one list of them: every report reads it, so a new check is a line there.

Invariant: a check never changes another one's count.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import polars as pl

from poster.judge.evidence import is_possible
from poster.judge.releases import is_published_version
from poster.rows.history import History, is_probe
from poster.rows.skew import ClockEstimate

MAX_WITNESSES = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """How often one thing is wrong, and which rows show it."""

    count: int = 0
    witnesses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What checks look at."""

    history: History
    clock: ClockEstimate
    store: _Store | None  # None: nobody dumped the table

    @property
    def calls(self) -> pl.LazyFrame:
        """Return the calls."""
        return self.history.calls


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, and how reports speak of it."""

    title: str
    promise: str  # what holds where nothing was found
    find: Callable[[Evidence], Finding] | None = None
    find_in_store: Callable[[_Store], Finding] | None = None
    is_harm: bool = False  # makes the verdict "broken"
    is_fault: bool = True  # False: worth knowing, but nothing that went wrong
    budget: str | None = None  # the ``--max-...`` that judges it instead

    @property
    def needs_store(self) -> bool:
        """Whether only the store can tell."""
        return self.find_in_store is not None


@dataclasses.dataclass(frozen=True, slots=True)
class Checks:
    """What the checks found in one history, by their names in ``CHECKS``."""

    rows_read: int | None  # of the store; None: nobody dumped it
    found: Mapping[str, Finding]

    def __getitem__(self, name: str) -> Finding:
        """Return what a check found; nothing where it could not look."""
        return self.found.get(name, Finding())

    def made(self) -> Iterator[tuple[Check, Finding]]:
        """Yield the checks that could be made, with what each found."""
        for name, finding in self.found.items():
            yield CHECKS[name], finding


def check(history: History, rows: pl.DataFrame | None, clock: ClockEstimate) -> Checks:
    """Return what the checks find."""
    store = None if rows is None else _Store(history.calls, rows)
    evidence = Evidence(history, clock, store)
    found: dict[str, Finding] = {}
    for name, each in CHECKS.items():
        if each.find is not None:
            found[name] = each.find(evidence)
        elif each.find_in_store is not None and store is not None:
            found[name] = each.find_in_store(store)
    return Checks(None if rows is None else rows.height, found)


class _Store:
    """The rows of the table, to compare calls with."""

    def __init__(self, calls: pl.LazyFrame, rows: pl.DataFrame) -> None:
        names = ("seq", "todo_id", "outcome", pl.col("marker").cast(pl.String))
        self._calls = calls.filter(~is_probe()).select(names).collect()
        self._written = rows.select("todo_id", pl.col("marker").alias("row_marker"))

    def calls_without_row(self, outcome: str) -> Finding:
        calls = self._calls.filter(pl.col("outcome") == outcome)
        return _calls_found(calls.join(self._written, on="todo_id", how="anti"))

    def calls_with_row(self, outcome: str) -> Finding:
        """Find calls of that outcome whose row is there and that no ok call explains."""
        calls = self._calls.filter(pl.col("outcome") == outcome)
        found = calls.join(self._written, on="todo_id", how="semi")
        if outcome == "fail":
            others = self._calls.filter(pl.col("outcome") != "fail")
            found = found.join(others, on="todo_id", how="anti")
        return _calls_found(found)

    def duplicate_rows(self) -> Finding:
        repeated = (
            self._written.group_by("todo_id").len("times").filter(pl.col("times") > 1)
        ).sort("todo_id")
        witnesses = repeated.head(MAX_WITNESSES).rows()
        extra = int(repeated["times"].sum()) - repeated.height
        return Finding(extra, tuple(f"{todo_id}, {times} rows" for todo_id, times in witnesses))

    def phantom_rows(self) -> Finding:
        found = self._written.join(self._calls, on="todo_id", how="anti").sort("todo_id")
        return Finding(found.height, tuple(found["todo_id"].head(MAX_WITNESSES)))

    def marker_mismatches(self) -> Finding:
        """Compare where a todo was called once: of a retry the first writer's marker stays."""
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


def _chimeras(evidence: Evidence) -> Finding:
    """Count answers whose marker and config marker belong to different releases of the list."""
    releases = evidence.history.run.settings.get("releases")
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
        evidence.calls.group_by("marker", "config_marker")
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


def _run_by_run(find: Callable[[pl.Series], Finding], history: History) -> Finding:
    """Look at the numbers that each run gave its calls; a merged history has several runs."""
    if not history.sources:
        return find(history.calls.select("seq").collect().to_series())
    runs = history.calls.select("run", "run_seq").collect().partition_by("run", as_dict=True)
    found = {run: find(calls["run_seq"].alias("seq")) for (run,), calls in sorted(runs.items())}
    witnesses = [f"run {run}, {each}" for run, one in found.items() for each in one.witnesses]
    return Finding(sum(one.count for one in found.values()), tuple(witnesses[:MAX_WITNESSES]))


def _sequence_gaps(seq: pl.Series) -> Finding:
    ordered = seq if seq.is_sorted() else seq.sort()
    present = ordered.slice(int(ordered.search_sorted(1)))
    if present.is_empty():
        return Finding()
    after = (present.diff() > 1).arg_true()
    inner = zip(present.gather(after - 1) + 1, present.gather(after) - 1, strict=True)
    gaps = [*([(1, present[0] - 1)] if present[0] > 1 else []), *inner]
    return Finding(
        sum(last - first + 1 for first, last in gaps),
        tuple(
            f"call {first}" if first == last else f"calls {first} to {last}"
            for first, last in gaps[:MAX_WITNESSES]
        ),
    )


def _repeated_seqs(seq: pl.Series) -> Finding:
    if seq.n_unique() == seq.len():
        return Finding()
    repeated = seq.value_counts(name="times").filter(pl.col("times") > 1).sort("seq")
    extra = int(repeated["times"].sum()) - repeated.height
    return Finding(extra, tuple(f"call {number}" for number in repeated["seq"].head(MAX_WITNESSES)))


def _mixed_versions(calls: pl.LazyFrame) -> Finding:
    """Count versions that answered with more than one marker: a version never changes its code."""
    answered = (
        calls.group_by("function_version", "marker")
        .agg(pl.col("seq").min())
        .drop_nulls()
        .sort("seq")
        .collect()
    )
    met: dict[str, list[str]] = {}
    for version, marker, seq in answered.iter_rows():
        if is_published_version(version):
            met.setdefault(version, []).append(f"{marker} in call {seq}")
    mixed = [
        f"version {version}: {first}, {second[0]}"
        for version, (first, *second) in met.items()
        if second
    ]
    return Finding(len(mixed), tuple(mixed[:MAX_WITNESSES]))


def _impossible(evidence: Evidence) -> Finding:
    """Count calls whose times cannot be: answered before they were sent, or ok without an answer.

    They prove nothing about an order, so nothing else looks at them.
    """
    found = evidence.calls.filter(~is_possible()).select("seq").collect()
    named = found["seq"].head(MAX_WITNESSES)
    return Finding(found.height, tuple(f"call {seq}" for seq in named))


def _outside_call(evidence: Evidence) -> Finding:
    clock = evidence.clock
    return Finding(clock.outside, tuple(f"call {seq}" for seq in clock.outside_seqs))


CHECKS: dict[str, Check] = {
    "lost_writes": Check(
        "lost writes",
        "acknowledged writes are in the store",
        find_in_store=lambda store: store.calls_without_row("ok"),
        is_harm=True,
        budget="lost",
    ),
    "duplicate_rows": Check(
        "duplicate rows", "no todo is in the store twice", find_in_store=_Store.duplicate_rows
    ),
    "phantom_rows": Check(
        "phantom rows", "every row was asked for", find_in_store=_Store.phantom_rows
    ),
    "failed_but_written": Check(
        "answered no, but written",
        "what was answered no is not in the store",
        find_in_store=lambda store: store.calls_with_row("fail"),
    ),
    "marker_mismatches": Check(
        "answer and row differ",
        "answers and rows name the same release",
        find_in_store=_Store.marker_mismatches,
    ),
    "unknown_written": Check(
        "unknown, written",
        "what became of calls without an answer",
        find_in_store=lambda store: store.calls_with_row("unknown"),
        is_fault=False,
    ),
    "unknown_not_written": Check(
        "unknown, not written",
        "what became of calls without an answer",
        find_in_store=lambda store: store.calls_without_row("unknown"),
        is_fault=False,
    ),
    "chimeras": Check(
        "chimeras", "code and configuration are of one release", find=_chimeras, budget="chimeras"
    ),
    "mixed_versions": Check(
        "two codes, one version",
        "a version answers with one code",
        find=lambda evidence: _mixed_versions(evidence.calls),
    ),
    "outside_call": Check(
        "server time outside call", "the server's time lies within the call", find=_outside_call
    ),
    "impossible_times": Check(
        "impossible times", "every answer came after its call", find=_impossible
    ),
    "sequence_gaps": Check(
        "missing in sequence",
        "no call is missing in the history",
        find=lambda evidence: _run_by_run(_sequence_gaps, evidence.history),
    ),
    "repeated_seqs": Check(
        "repeated in sequence",
        "no call is in the history twice",
        find=lambda evidence: _run_by_run(_repeated_seqs, evidence.history),
    ),
    "malformed_lines": Check(
        "malformed lines",
        "every line of the history is a row",
        find=lambda evidence: Finding(evidence.history.malformed_lines),
    ),
    "torn_bytes": Check(
        "torn bytes at the end",
        "the history ends with a whole line",
        find=lambda evidence: Finding(evidence.history.torn_bytes),
    ),
}
