"""What of a history is drawn: few enough rows for a browser, every call counted all the same.

A *sample* is one stretch of the run: ``calls`` are those drawn one by one, ``cells`` count all
calls by *lane* (a poster, or neighbouring posters where there are many) and moment, ``bins`` count
all calls by moment. An *answer* is a number: the role of the release that answered in the deploy
that the call fell into, or what came instead of one. Times are seconds after the stretch's zero.

Invariant: the counts in ``cells`` and in ``bins`` add up to every call of the stretch; ``calls`` is
the whole stretch, or what is rare in it (as far as it fits) and a random sample of the rest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import polars as pl

from poster.judge.analysis import ReleaseSeen
from poster.judge.phases import end_of_errors_ns, latency_start, sent_within
from poster.judge.releases import every_call
from poster.judge.transition import Transition
from poster.report.plain import plain
from poster.rows.history import History
from poster.rows.record import PROBER

MOST_CALLS = 4000  # drawn one by one in a figure; a browser still moves them smoothly
MOST_DEPLOYS = 10  # with a figure of their own
MOST_CALLS_OF_DEPLOYS = 9000  # in all their figures together
MOST_LANES = 60
CELLS_PER_CALL = 2  # a cell takes less room in the file than a call
FEWEST_CELLS, MOST_CELLS = 50, 600  # in a lane: a moment of less than two pixels is not seen
MOST_BINS = 120
FEWEST_BINS = 10
CALLS_PER_BIN = 20
MOST_CHARACTERS = 80  # of a text that a stranger wrote
OLD, NEW = 0, 1  # a release that was there before the deploy, the deployed one
FAILED, UNKNOWN, UNNAMED = -1, -2, -3  # answers without a release
SLOWEST = 100  # calls that are drawn for being slow
FEWEST_PAD_S = 1.0
SEED = 5  # the sample is the same each time

Columns = dict[str, list[Any] | dict[str, list[Any]]]


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """The calls of one stretch of a run, ready to draw."""

    from_s: float
    to_s: float
    lanes: tuple[str, ...]  # the posters of each lane
    total: int
    calls: pl.DataFrame
    cells: pl.DataFrame | None  # None: every call of the stretch is in ``calls``
    bins: pl.DataFrame
    environments: pl.DataFrame  # by bin and answer: execution environments that answered


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """What figures are made of: the few columns that count every call, and the way to the rest."""

    calls: pl.DataFrame  # row (in the history), poster, place, sent_ns, at_ns, latency_ms ...
    history: History
    places: dict[str, int]  # of the releases


def answered(history: History, releases: Sequence[ReleaseSeen]) -> Answered:
    """Return the calls with ``place`` of the release, ``at_ns`` (came) and ``latency_ms``.

    Without a release ``place`` says what came instead.
    """
    places = {release.release: number for number, release in enumerate(releases)}
    latency_ns = pl.col("received_ns") - latency_start(history.run.loop)
    calls = every_call(history.calls).select(
        *("poster", "sent_ns", "cold_start", "instance_id"),
        place=pl.when(pl.col("outcome") == "fail")
        .then(FAILED)
        .when(pl.col("outcome") == "unknown")
        .then(UNKNOWN)
        .otherwise(pl.coalesce(_place_of_release(places), UNNAMED))
        .cast(pl.Int16),
        at_ns=pl.coalesce("received_ns", "sent_ns"),
        latency_ms=latency_ns / 1e6,
    )
    # One after another and no wider than they need to be: there may be very many rows.
    columns = (calls.select(name).collect().to_series() for name in calls.collect_schema())
    narrow = [each.shrink_dtype() if each.name == "poster" else each for each in columns]
    return Answered(pl.DataFrame(narrow).with_row_index("row"), history, places)


def whole_run(found: Answered, transitions: Sequence[Transition]) -> Sample:
    """Return the figure of all calls; its zero is the run's origin."""
    edges = [seq for each in transitions for seq in (each.first_new_seq, each.last_old_seq)]
    calls = found.calls.lazy().with_columns(answer=_role(found.places, transitions))
    return _sample(found.history, calls, 0, edges, MOST_CALLS, [])


def around_each(found: Answered, transitions: Sequence[Transition]) -> list[Sample]:
    """Return the figures of the first transitions; the zero of each is the transition's."""
    shown = transitions[:MOST_DEPLOYS]
    most = min(MOST_CALLS, MOST_CALLS_OF_DEPLOYS // max(1, len(shown)))
    return [_around(found, transition, most) for transition in shown]


def _role(places: dict[str, int], transitions: Sequence[Transition]) -> pl.Expr:
    """Return each call's role in the deploy under way when it was sent."""
    place = pl.col("place")
    role = pl.min_horizontal(place, pl.lit(NEW))
    for number, transition in enumerate(transitions):
        # A third release is one that came before, or one that overtook.
        own = (
            pl.when(place < 0)
            .then(place)
            .when(place == places[transition.start])
            .then(OLD)
            .when(place >= places[transition.to])
            .then(NEW)
            .otherwise(OLD)
        )
        began = pl.col("sent_ns") >= transition.phase.deploy_ns
        role = pl.when(began).then(own).otherwise(role) if number else own
    return role.cast(pl.Int64)


def _around(found: Answered, transition: Transition, most: int) -> Sample:
    calls = found.calls.lazy().with_columns(answer=_role(found.places, [transition]))
    zero_ns = transition.phase.zero_ns
    begin_ns = min(zero_ns, transition.first_new_ns, transition.last_old_ns)
    end_ns = max(
        transition.last_old_ns,
        transition.first_new_ns,
        transition.settled_ns or zero_ns,
        _last_error_ns(calls, transition),
    )
    pad_ns = round(max(FEWEST_PAD_S * 1e9, (end_ns - begin_ns) / 8))
    shown = calls.filter(pl.col("at_ns").is_between(begin_ns - pad_ns, end_ns + pad_ns))
    overlap = transition.overlap
    proof = [overlap.new_seq, overlap.old_seq] if overlap else []
    edges = [transition.first_new_seq, transition.last_old_seq, *proof]
    return _sample(found.history, shown, zero_ns, edges, most, [0.0])


def columns(frame: pl.DataFrame) -> Columns:
    """Return the frame's columns for JSON; a column of texts as its texts and a code per row.

    The code of a text that is missing is -1. Texts are made plain: a stranger wrote them.
    """
    return {
        column.name: _coded(column.cast(pl.String))
        if column.dtype in (pl.String, pl.Categorical)
        else column.to_list()
        for column in frame
    }


def _coded(column: pl.Series) -> dict[str, list[Any]]:
    texts = column.unique(maintain_order=True).drop_nulls()
    codes = column.replace_strict(texts, range(texts.len()), default=-1, return_dtype=pl.Int64)
    return {"texts": [_shown(text) for text in texts], "codes": codes.to_list()}


def _shown(text: str) -> str:
    safe = plain(text[:MOST_CHARACTERS])
    return safe if len(text) <= MOST_CHARACTERS else f"{safe}..."


def _place_of_release(place: dict[str, int]) -> pl.Expr:
    if not place:
        return pl.lit(None, dtype=pl.Int64)
    texts, places = list(place), list(place.values())
    release = pl.col("release").cast(pl.String)
    return release.replace_strict(texts, places, default=None, return_dtype=pl.Int64)


def _last_error_ns(calls: pl.LazyFrame, transition: Transition) -> int:
    """Return when the last error counted against the transition came, else its zero."""
    phase = transition.phase
    counted = sent_within(phase.zero_ns, end_of_errors_ns(phase, transition.over_ns))
    errors = calls.filter(counted & (pl.col("answer") < 0))
    last = errors.select(pl.col("at_ns").max()).collect().item()
    return phase.zero_ns if last is None else int(last)


def _sample(
    history: History,
    calls: pl.LazyFrame,
    zero_ns: int,
    edges: Sequence[int],
    most: int,
    at_least: Sequence[float],
) -> Sample:
    posters = calls.select(pl.col("poster").unique().sort()).collect().to_series().to_list()
    per_lane = -(-max(1, len(posters)) // MOST_LANES)
    lanes = [posters[first : first + per_lane] for first in range(0, len(posters), per_lane)]
    lane_of = [number for number, lane in enumerate(lanes) for _ in lane]
    timed = calls.select(
        *("row", "place", "latency_ms", "cold_start", "instance_id"),
        pl.col("answer").cast(pl.Int8),
        lane=pl.col("poster").replace_strict(posters, lane_of, return_dtype=pl.Int8)
        if posters
        else pl.lit(0, pl.Int8),
        at=_seconds("at_ns", zero_ns),
    ).collect()
    from_s, to_s = _range(calls, zero_ns, at_least)
    bins = min(MOST_BINS, max(FEWEST_BINS, timed.height // CALLS_PER_BIN))
    marks = timed.select(
        "row",
        "at",
        _telling().alias("telling"),
        _is_one_of(_rows(history, edges)).alias("edge"),
    )
    drawn = thinned(marks, pl.col("telling"), pl.col("edge"), most)
    by_room = CELLS_PER_CALL * most // max(1, len(lanes))
    cell_bins = max(FEWEST_CELLS, min(MOST_CELLS, by_room))
    return Sample(
        from_s=from_s,
        to_s=to_s,
        lanes=tuple(_lane_name(lane) for lane in lanes),
        total=timed.height,
        calls=_row_columns(history, drawn, timed, zero_ns),
        cells=_cells(timed, cell_bins, from_s, to_s) if drawn.height < timed.height else None,
        bins=_bins(timed, bins, from_s, to_s),
        environments=_environments(timed, bins, from_s, to_s),
    )


def _seconds(name: str, zero_ns: int) -> pl.Expr:
    return (pl.col(name) - zero_ns) / 1e9


def thinned(calls: pl.DataFrame, telling: pl.Expr, edges: pl.Expr, most: int) -> pl.DataFrame:
    """Return at most ``most`` calls in time order: edges, then telling ones, then a sample.

    Random, not every n-th: posters take turns, and every n-th call may be always the same one's.
    """
    if calls.height <= most:
        return calls.sort("at")
    kept = [calls.filter(edges)]
    for tier, room in ((telling & ~edges, most // 2), (~telling & ~edges, most)):
        found = calls.filter(tier)
        room -= sum(each.height for each in kept)
        kept.append(found if found.height <= room else found.sample(room, seed=SEED))
    return pl.concat(kept).sort("at")


def _telling() -> pl.Expr:
    """Choose what is rare: errors, cold starts, the slowest calls."""
    latency = pl.col("latency_ms")
    slow = pl.when(latency >= latency.top_k(SLOWEST).min()).then(latency)
    return (
        (pl.col("answer") < 0)
        | pl.col("cold_start").fill_null(False)
        | (slow.rank("ordinal", descending=True) <= SLOWEST).fill_null(False)
    )


def _range(calls: pl.LazyFrame, zero_ns: int, at_least: Sequence[float]) -> tuple[float, float]:
    """Return the stretch that all calls, and the moments of ``at_least``, are in."""
    at, sent = _seconds("at_ns", zero_ns), _seconds("sent_ns", zero_ns)
    ends = calls.select(sent.min().alias("sent"), at.min().alias("first"), at.max().alias("last"))
    moments = [*at_least, *(end for end in ends.collect().row(0) if end is not None)]
    first, last = min(moments, default=0.0), max(moments, default=0.0)
    pad = max((last - first) * 0.01, 0.01)
    return first - pad, last + pad


def _lane_name(lane: list[int]) -> str:
    if lane == [PROBER]:
        return "probes"
    return str(lane[0]) if len(lane) == 1 else f"{lane[0]}\u2013{lane[-1]}"


def _row_columns(
    history: History, drawn: pl.DataFrame, timed: pl.DataFrame, zero_ns: int
) -> pl.DataFrame:
    """Return the drawn calls with all that is said about each."""
    chosen = _is_one_of(drawn["row"])
    counted = timed.lazy().select("row", "lane", "answer", "place", "at", "latency_ms")
    calls = history.calls.with_row_index("row").with_columns(sent=_seconds("sent_ns", zero_ns))
    found = calls.filter(chosen).join(counted.filter(chosen), on="row").collect()
    return (
        drawn.select("row")
        .join(found, on="row", how="left", maintain_order="left")
        .select(
            *("seq", "poster", "todo_id", "lane", "answer", "place"),
            *(pl.col(name).round(4) for name in ("at", "sent")),
            pl.col("latency_ms").round(3),
            *("marker", "config_marker", "function_version", "instance_id", "status", "error"),
            pl.col("cold_start").cast(pl.Int8),
        )
    )


def _rows(history: History, seqs: Sequence[int]) -> pl.Series:
    numbered = history.calls.select("seq").with_row_index("row")
    return numbered.filter(pl.col("seq").is_in(list(seqs))).select("row").collect().to_series()


def _is_one_of(rows: pl.Series) -> pl.Expr:
    return pl.col("row").is_in(rows.implode())


def _bin_of(bins: int, from_s: float, to_s: float) -> pl.Expr:
    share = (pl.col("at") - from_s) / (to_s - from_s)
    return (share * bins).floor().cast(pl.Int64).alias("bin")


def _edge(name: str, shift: int, bins: int, from_s: float, to_s: float) -> pl.Expr:
    return (from_s + (pl.col(name) + shift) * ((to_s - from_s) / bins)).round(4)


def _bins(timed: pl.DataFrame, bins: int, from_s: float, to_s: float) -> pl.DataFrame:
    """Count all calls by moment; a moment without a call is there too."""
    latency, answer = pl.col("latency_ms"), pl.col("answer")
    counts = ["ok", "failed", "unknown", "cold_starts"]
    found = (
        timed.lazy()
        .group_by(_bin_of(bins, from_s, to_s))
        .agg(
            (~answer.is_in([FAILED, UNKNOWN])).sum().alias("ok"),
            (answer == FAILED).sum().alias("failed"),
            (answer == UNKNOWN).sum().alias("unknown"),
            pl.col("cold_start").sum().alias("cold_starts"),
            latency.quantile(0.5, "higher").round(3).alias("p50"),
            latency.quantile(0.99, "higher").round(3).alias("p99"),
            latency.max().round(3).alias("max"),
        )
    )
    return (
        pl.LazyFrame({"bin": range(bins)}, schema={"bin": pl.Int64})
        .join(found, on="bin", how="left")
        .sort("bin")
        .with_columns(
            pl.col(counts).fill_null(0),
            _edge("bin", 0, bins, from_s, to_s).alias("from"),
            _edge("bin", 1, bins, from_s, to_s).alias("to"),
        )
        .collect()
    )


def _environments(timed: pl.DataFrame, bins: int, from_s: float, to_s: float) -> pl.DataFrame:
    return (
        timed.lazy()
        .filter((pl.col("answer") >= 0) & pl.col("instance_id").is_not_null())
        .group_by(_bin_of(bins, from_s, to_s), "answer")
        .agg(pl.col("instance_id").n_unique().alias("environments"))
        .sort("answer", "bin")
        .collect()
    )


def _cells(timed: pl.DataFrame, bins: int, from_s: float, to_s: float) -> pl.DataFrame:
    """Count all calls by lane, answer and moment; moments without a gap between them are one."""
    row = ["lane", "answer"]
    begins = (pl.col("bin") != pl.col("bin").shift(1).over(row) + 1).fill_null(True)
    return (
        timed.lazy()
        .group_by("lane", "answer", _bin_of(bins, from_s, to_s))
        .agg(pl.len().alias("calls"))
        .sort("lane", "answer", "bin")
        .with_columns(begins.cum_sum().over(row).alias("stretch"))
        .group_by("lane", "answer", "stretch")
        .agg(
            pl.col("bin").min().alias("first"),
            pl.col("bin").max().alias("last"),
            pl.col("calls").sum(),
        )
        .sort("lane", "answer", "first")
        .select(
            "lane",
            "answer",
            _edge("first", 0, bins, from_s, to_s).alias("from"),
            _edge("last", 1, bins, from_s, to_s).alias("to"),
            "calls",
        )
        .collect()
    )
