"""Pictures of a history, for the notebook, the documentation and the reports.

Colours tell releases apart also for the colour-blind (Okabe and Ito, "Color Universal Design",
2008) and follow the order of the releases, so that the old one is always blue. A picture of a
local run says "simulated propagation" and which.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from poster.errors import PosterError
from poster.judge.analysis import Result
from poster.judge.compare import line_of
from poster.judge.releases import every_call
from poster.judge.transition import Transition
from poster.report.plain import plain
from poster.report.text import simulated_lag
from poster.rows.history import History
from poster.rows.record import Run

Picture = Any  # Altair's kinds of charts share no base class that its own types accept

COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]
OLD, NEW, UNNAMED, NG = "old", "new", "names no release", "failed or unknown"
_NG_COLOUR, _UNNAMED_COLOUR = "#000000", "#999999"
_POINT_AREA = 70
_SMALL_AREA = 22
_FORMATS = {".svg", ".png", ".html"}


class PlotError(PosterError):
    """The picture cannot be written."""


def strip(history: History, transition: Transition, margin_s: float = 2.0) -> Picture:
    """Return poster x time around one deploy, a dot a call, coloured by who answered.

    Time is in seconds from the first new answer. The mixing window is shaded; a rule marks the
    moment at which the control plane moved the alias, where the history tells it.
    """
    calls = _calls_around(history, transition, margin_s)
    base = alt.Chart(calls).encode(
        x=alt.X(
            "time_s:Q",
            title="seconds from the first answer of the new release",
            axis=alt.Axis(grid=False, tickCount=10),
        ),
        y=alt.Y("poster:N", title="poster"),
    )
    dots = base.mark_circle(size=_POINT_AREA, opacity=1).encode(
        color=alt.Color("answered_by:N", title="answered by", scale=_scale(history, calls)),
        tooltip=["seq", "todo_id", "answered_by", "function_version", "outcome", "time_s"],
    )
    return alt.layer(*_window(transition), *_switch(transition), dots).properties(
        width=640,
        height=30 * calls["poster"].n_unique() + 20,
        title=alt.Title(
            f"{transition.start} -> {transition.to}: both answered for {transition.window_s:.3f} s",
            subtitle=_what_was_simulated(history.run),
        ),
    )


def strips(judged: Sequence[tuple[History, Result]]) -> Picture:
    """Return one strip per run, one above the other, on one scale of time.

    Each shows the run's first deploy, from its start on.
    """
    shown = [each for each in judged if each[1].transitions]
    last = len(shown) - 1
    drawn = [_deploy_strip(*each, is_last=place == last) for place, each in enumerate(shown)]
    return alt.vconcat(*drawn, spacing=4).resolve_scale(x="shared", color="shared")


def save(chart: Picture, path: Path) -> None:
    """Write the picture in the format that the name ends with. Raises PlotError."""
    if path.suffix not in _FORMATS:
        raise PlotError(f"{path} ends with none of {', '.join(sorted(_FORMATS))}")
    # Labels come out of histories: what cannot be shown would end the process that draws it.
    chart = type(chart).from_dict(_plain(chart.to_dict()), validate=False)
    try:
        if path.suffix == ".html":
            chart.save(path, inline=True)
        else:
            chart.save(path, scale_factor=2 if path.suffix == ".png" else 1)
    except OSError as error:
        raise PlotError(f"cannot write {path}: {error.strerror}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _deploy_strip(history: History, result: Result, *, is_last: bool) -> Picture:
    transition, line = result.transitions[0], line_of(result)
    start_ns = transition.phase.deploy_ns
    times = _times_of(history, start_ns, transition.phase.next_deploy_ns)
    calls = times.with_columns(
        answer=pl.when(pl.col("outcome") != "ok")
        .then(pl.lit(NG))
        .when(pl.col("release").is_null())
        .then(pl.lit(UNNAMED))
        .when(pl.col("release").cast(pl.String) == transition.start)
        .then(pl.lit(OLD))
        .otherwise(pl.lit(NEW))
    )
    colours = dict(zip((OLD, NEW, NG), (*COLOURS[:2], _NG_COLOUR), strict=True))
    if UNNAMED in calls["answer"]:
        colours[UNNAMED] = _UNNAMED_COLOUR
    title = f"{line.way}, lag {line.propagation}: {line.verdict}"
    return (
        alt.Chart(calls.select("time_s", "poster", "answer", "seq"), title=alt.Title(title))
        .mark_circle(size=_SMALL_AREA, opacity=0.9)
        .encode(
            x=alt.X(
                "time_s:Q",
                title="seconds from the start of the deploy" if is_last else None,
                axis=alt.Axis(grid=False, tickCount=12),
            ),
            y=alt.Y("poster:N", title=None, axis=alt.Axis(labels=False, ticks=False)),
            color=alt.Color(
                "answer:N",
                title="answer",
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            ),
            tooltip=["seq", "poster", "answer", "time_s"],
        )
        .properties(width=640, height=13 * calls["poster"].n_unique())
    )


def _times_of(history: History, start_ns: int, end_ns: int | None) -> pl.DataFrame:
    within = pl.col("sent_ns") >= start_ns
    if end_ns is not None:
        within &= pl.col("sent_ns") < end_ns
    time_s = (pl.coalesce("received_ns", "sent_ns") - start_ns) / 1e9
    return every_call(history.observations).filter(within).with_columns(time_s=time_s).collect()


def _calls_around(history: History, transition: Transition, margin_s: float) -> pl.DataFrame:
    end_s = (transition.last_old_ns - transition.first_new_ns) / 1e9
    at_ns = pl.coalesce("received_ns", "sent_ns")
    return (
        history.observations.with_columns(
            time_s=(at_ns - transition.first_new_ns) / 1e9,
            answered_by=pl.when(pl.col("outcome") == "ok")
            .then(pl.coalesce("marker", "function_version", pl.lit(UNNAMED)))
            .otherwise(pl.lit(NG)),
        )
        .filter(pl.col("time_s").is_between(-margin_s, max(end_s, 0.0) + margin_s))
        .select(
            *("seq", "poster", "todo_id", "time_s", "answered_by", "function_version", "outcome")
        )
    )


def _scale(history: History, calls: pl.DataFrame) -> alt.Scale:
    ok = history.observations.filter(pl.col("outcome") == "ok").sort("sent_ns")
    order = ok["marker"].drop_nulls().unique(maintain_order=True).to_list()
    colours = [COLOURS[place % len(COLOURS)] for place in range(len(order))]
    seen = set(calls["answered_by"])
    others = [(UNNAMED, _UNNAMED_COLOUR), (NG, _NG_COLOUR)]
    pairs = [*zip(order, colours, strict=True), *others]
    shown = [pair for pair in pairs if pair[0] in seen]
    return alt.Scale(domain=[name for name, _ in shown], range=[colour for _, colour in shown])


def _window(transition: Transition) -> list[alt.Chart]:
    if transition.stale == 0:
        return []
    end_s = (transition.last_old_ns - transition.first_new_ns) / 1e9
    window = pl.DataFrame({"from_s": [0.0], "to_s": [end_s]})
    shade = alt.Chart(window).mark_rect(color="#888888", opacity=0.15)
    return [shade.encode(x="from_s:Q", x2="to_s:Q")]


def _switch(transition: Transition) -> list[alt.Chart]:
    if transition.switch_ns is None:
        return []
    switch_s = (transition.switch_ns - transition.first_new_ns) / 1e9
    rule = alt.Chart(pl.DataFrame({"switch_s": [switch_s]})).mark_rule(strokeDash=[4, 3])
    return [rule.encode(x="switch_s:Q")]


def _what_was_simulated(run: Run) -> str:
    lag = simulated_lag(run)
    return "" if lag is None else f"simulated propagation: {lag}"
