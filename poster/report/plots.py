"""Pictures of a history, for the notebook, the README and the HTML report.

Colours tell releases apart also for the colour-blind (Okabe and Ito, "Color Universal Design",
2008) and follow the order of the releases, so that the old one is always blue.
"""

from __future__ import annotations

import altair as alt
import polars as pl

from poster.history import History
from poster.transition import Transition

COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]
NO_ANSWER = "no answer"
_NO_ANSWER_COLOUR = "#000000"
_POINT_AREA = 70


def strip(history: History, transition: Transition, margin_s: float = 2.0) -> alt.TopLevelMixin:
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
        width=640, height=30 * calls["poster"].n_unique() + 20
    )


def _calls_around(history: History, transition: Transition, margin_s: float) -> pl.DataFrame:
    at_ns = pl.coalesce("received_ns", "sent_ns")
    time_s = (at_ns - transition.first_new_ns) / 1e9
    end_s = (transition.last_old_ns - transition.first_new_ns) / 1e9
    return (
        history.observations.with_columns(
            time_s=time_s,
            answered_by=pl.when(pl.col("outcome") == "ok")
            .then(pl.col("marker").fill_null(pl.col("function_version")))
            .otherwise(pl.lit(NO_ANSWER)),
        )
        .filter(pl.col("time_s").is_between(-margin_s, max(end_s, 0.0) + margin_s))
        .select(
            *("seq", "poster", "todo_id", "time_s", "answered_by", "function_version", "outcome")
        )
    )


def _scale(history: History, calls: pl.DataFrame) -> alt.Scale:
    ok = history.observations.filter(pl.col("outcome") == "ok").sort("sent_ns")
    order = ok["marker"].drop_nulls().unique(maintain_order=True).to_list()
    domain = [COLOURS[place % len(COLOURS)] for place in range(len(order))]
    seen = set(calls["answered_by"])
    pairs = [*zip(order, domain, strict=True), (NO_ANSWER, _NO_ANSWER_COLOUR)]
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
