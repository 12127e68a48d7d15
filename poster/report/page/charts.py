"""The charts of the HTML report, as Vega-Lite by Altair; they name their data and hold none.

All charts of a figure show one stretch of time, ``from_s`` to ``to_s``: two parameters that the
page sets together, so that they zoom as one. Every chart has the same left margin, so that one
moment is one vertical line through all of them. Colours are the page's style sheet's, light or
dark; a role also has its place above or below the middle of its lane, so nothing rests on
colour alone. The data (``calls``, ``bins``, ``steps`` ...) is made by ``data.js``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

import altair as alt

Spec = dict[str, Any]  # shared by those who ask for the same chart: not to be changed

INK, MUTED, HAIR, WINDOW = "var(--ink)", "var(--muted)", "var(--hair)", "var(--window)"
FONT = "system-ui, sans-serif"
MARGIN_PX = 46  # left of every chart
FLUSH_PX = 10  # what would stand out over a chart's end would make that chart narrower
CURSOR = "datum.row === cursor"
WITHIN = "datum.at >= from_s && datum.at <= to_s"
TICKS_MS = [step * 10.0**power for power in range(-2, 7) for step in (1, 2, 5)]

SHARES = [0, 0.01, 0.05, 0.2, 0.5, 1]


@functools.cache
def steps() -> Spec:
    """Return the flags of the deploy steps, above a strip; the page sets rows and height."""
    marks = _data("steps").transform_filter(WITHIN).encode(x=_time(labels=False))
    top = alt.Y("top:Q", scale=None)  # pixels
    stems = marks.mark_rule(tooltip={"content": "data"}).encode(
        y=top, y2=alt.value("height"), color=_own_colour(), strokeWidth=_own_width()
    )
    names = marks.mark_text(
        align=alt.ExprRef("datum.before ? 'right' : 'left'"),
        dx=alt.ExprRef("datum.before ? -5 : 5"),
        baseline="top",
        fontSize=11,
        tooltip={"content": "data"},
    ).encode(y=top, text="shown:N", color=_own_colour())
    return _spec([stems, names], 60, left_px=MARGIN_PX)


@functools.cache
def strip(lanes: tuple[str, ...], *, roomy: bool) -> Spec:
    """Return posters x time: a tick a call, above or below its lane's middle by release.

    A tick is drawn when the answer came, a thin tail leads back to the sending.
    """
    lane_px = max(5, min(38 if roomy else 28, 460 // max(1, len(lanes))))
    y = alt.Y(
        "top:Q",
        scale=alt.Scale(domain=[0, max(1, len(lanes))], reverse=True, nice=False),
        axis=alt.Axis(
            values=[number + 0.5 for number in range(len(lanes))],
            labelExpr=f"{json.dumps(list(lanes))}[floor(datum.value)]",
            tickCount=len(lanes),  # else Vega leaves out every other value
            labelOverlap="greedy" if lane_px < 14 else False,
            **_Y_AXIS,
        ),
    )
    calls = _data("calls").encode(y=y)
    cells = (
        _data("cells")
        .mark_rect(clip=True)
        .encode(x=_time("from"), x2="to", y=y, y2="bottom", color=_own_colour())
    )
    tails = (
        calls.mark_rule(clip=True, opacity=0.4, strokeWidth=1)
        .transform_filter("datum.ticks")
        .encode(x=_time("sent"), x2="at", y=alt.Y("middle:Q"), color=_own_colour())
    )
    ticks = (
        calls.mark_rule(clip=True, strokeWidth=1.8)
        .transform_filter("datum.ticks")
        .encode(x=_time(), y2="bottom", color=_own_colour())
    )
    layers = [*_backdrop(), cells, tails, ticks, *_errors_and_cursor(calls)]
    return _spec(layers, max(50, lane_px * len(lanes)), ["cursor"])


@functools.cache
def latency() -> Spec:
    """Return each drawn call's latency, and the median and the 99th percentile of all calls."""
    y = alt.Y(
        "latency:Q",
        scale=alt.Scale(
            type="log",
            nice=False,
            domainMin=alt.ExprRef("low_ms"),
            domainMax=alt.ExprRef("high_ms"),
        ),
        axis=alt.Axis(
            values=TICKS_MS,
            labelOverlap="greedy",
            labelExpr="datum.value >= 1000 ? datum.value / 1000 + ' s' : datum.value + ' ms'",
            **_Y_AXIS,
        ),
    )
    dots = (
        _data("calls")
        .transform_filter("datum.latency !== null")
        .mark_point(clip=True, filled=True, size=14, opacity=0.75, tooltip={"content": "data"})
        .encode(x=_time(), y=y, color=_own_colour(), shape=alt.Shape("dot:N", scale=None))
    )
    lines = [
        _data("bins")
        .mark_line(clip=True, strokeWidth=width, strokeDash=dash)
        .encode(x=_time("middle"), y=f"{name}:Q", color=alt.value(INK))
        for name, width, dash in (("median", 1.6, [1, 0]), ("tail", 1.2, [4, 3]))
    ]
    return _spec([*_backdrop(), _bin_target(), dots, *lines], 170, ["low_ms", "high_ms"])


@functools.cache
def errors() -> Spec:
    """Return failed and unanswered calls by moment."""
    axis = alt.Axis(tickMinStep=1, tickCount=3, format="d", **_Y_AXIS)
    scale = alt.Scale(domainMin=0, nice=True)
    bars = [
        _data("bins")
        .transform_filter("datum.errors > 0")
        .mark_rect(clip=True, stroke=INK, strokeWidth=0.5)
        .encode(
            x=_time("from"),
            x2="to",
            y=alt.Y(f"{begin}:Q", axis=axis, scale=scale),
            y2=end,
            color=alt.value(colour),
        )
        for begin, end, colour in (("none", "failed", INK), ("failed", "errors", HAIR))
    ]
    return _spec([*_backdrop(), *bars, _bin_target()], 80)


@functools.cache
def environments() -> Spec:
    """Return how many execution environments of each release answered, by moment."""
    lines = (
        _data("environments")
        .mark_line(clip=True, interpolate="step-after", strokeWidth=2)
        .encode(
            x=_time("from"),
            y=alt.Y(
                "environments:Q",
                scale=alt.Scale(domainMin=0, padding=5),
                axis=alt.Axis(tickMinStep=1, tickCount=4, format="d", **_Y_AXIS),
            ),
            detail="answer:N",
            color=_own_colour(),
            strokeDash=alt.StrokeDash("dash", type="nominal", scale=None),
        )
    )
    return _spec([*_backdrop(), lines, _bin_target()], 100)


@functools.cache
def share() -> Spec:
    """Return S(t), the bound above it, and what a shift planned.

    Small shares are what people wait for, so the axis is of their square roots.
    """
    points = _data("share")
    y = alt.Y(
        "share:Q",
        scale=alt.Scale(type="sqrt", domain=[0, 1]),
        axis=alt.Axis(
            format=".0%",
            values=SHARES,
            tickCount=len(SHARES),  # else Vega leaves out every other value
            labelOverlap=False,
            **_Y_AXIS,
        ),
    )
    bound = points.mark_line(clip=True, interpolate="step-after", strokeWidth=1.2).encode(
        x=_time(), y=alt.Y("high:Q"), color=alt.value(INK)
    )
    line = points.mark_line(clip=True, strokeWidth=2.5).encode(
        x=_time(), y=y, color=alt.value("var(--old)")
    )
    planned = (
        _data("planned")
        .mark_rule(clip=True, strokeDash=[5, 4], strokeWidth=1.2)
        .encode(x=_time("from"), x2="to", y="share:Q", color=alt.value(INK))
    )
    target = points.mark_rect(clip=True, opacity=0, tooltip={"content": "data"}).encode(
        x=_time(), x2="next", y=alt.datum(0), y2=alt.datum(1)
    )
    return _spec([*_backdrop(), bound, line, planned, target], 170)


_Y_AXIS: dict[str, Any] = {
    "title": None,
    "minExtent": MARGIN_PX,
    "maxExtent": MARGIN_PX,
    "grid": True,
    "ticks": False,
}


def _data(name: str) -> alt.Chart:
    return alt.Chart(alt.NamedData(name=name))


def _time(field: str = "at", *, labels: bool = True) -> alt.X:
    return alt.X(
        f"{field}:Q",
        title=None,
        scale=alt.Scale(
            domainMin=alt.ExprRef("from_s"),
            domainMax=alt.ExprRef("to_s"),
            nice=False,
            zero=False,
        ),
        axis=alt.Axis(grid=False, tickCount=8, labelFlush=FLUSH_PX) if labels else None,
    )


def _own_colour() -> alt.Color:
    return alt.Color("colour:N", scale=None)


def _own_width() -> alt.StrokeWidth:
    return alt.StrokeWidth("width:Q", scale=None)


def _backdrop() -> list[alt.Chart]:
    """Return the mixing windows, shaded, and the deploy steps as rules."""
    shade = _data("windows").mark_rect(clip=True, color=WINDOW).encode(x=_time("from"), x2="to")
    rules = (
        _data("steps")
        .mark_rule(clip=True)
        .encode(x=_time(), color=_own_colour(), strokeWidth=_own_width())
    )
    return [shade, rules]


def _errors_and_cursor(calls: alt.Chart) -> list[alt.Chart]:
    """Return crosses for failed calls, rings for unanswered ones, a frame for the chosen call."""
    middle = alt.Y("middle:Q")
    crosses = (
        calls.mark_point(
            clip=True, shape="cross", angle=45, filled=True, size=70, color=INK, opacity=1
        )
        .transform_filter("datum.answer === -1")
        .encode(x=_time(), y=middle)
    )
    rings = (
        calls.mark_point(clip=True, shape="circle", size=45, strokeWidth=1.8, color=INK, opacity=1)
        .transform_filter("datum.answer === -2")
        .encode(x=_time(), y=middle)
    )
    chosen = (
        calls.mark_point(clip=True, shape="circle", size=260, strokeWidth=2.2, color=INK, opacity=1)
        .transform_filter(CURSOR)
        .encode(x=_time(), y=middle)
    )
    return [crosses, rings, chosen]


def _bin_target() -> alt.Chart:
    """Return what the pointer meets: the whole height of each moment."""
    target: alt.Chart = (
        _data("bins")
        .mark_rect(clip=True, opacity=0, tooltip={"content": "data"})
        .encode(x=_time("from"), x2="to")
    )
    return target


def _spec(layers: list[Any], height_px: int, extra: Sequence[str] = (), left_px: int = 0) -> Spec:
    names = ("from_s", "to_s", *extra)  # the page sets their values
    chart = (
        alt.layer(*layers)
        .add_params(*(alt.param(name=name, value=0) for name in names))
        .properties(
            width="container",
            height=height_px,
            autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
            padding={"left": left_px, "right": 14, "top": 2, "bottom": 2},
            background="transparent",
        )
        .configure(aria=False, font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            domainColor=HAIR,
            gridColor=HAIR,
            tickColor=HAIR,
            labelColor=MUTED,
            labelFontSize=11,
            labelPadding=6,
        )
    )
    spec: Spec = chart.to_dict()
    return spec
