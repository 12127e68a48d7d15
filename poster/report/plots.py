"""Pictures of a history, for the notebook, the documentation and the reports.

A colour is a role, the same in every picture and on the page: old is blue and round, new orange and
square (after Okabe and Ito, "Color Universal Design", 2008). A picture of a local run says
"simulated propagation" and which.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import altair as alt
import polars as pl

from poster.errors import PosterError
from poster.judge.analysis import Result
from poster.judge.compare import line_of
from poster.judge.releases import every_call, name_of, with_release
from poster.judge.transition import Transition
from poster.report.plain import plain
from poster.report.sentences import simulated_lag
from poster.rows.history import History
from poster.rows.record import PROBER, Run, Step, StepName

Picture = Any  # Altair's kinds of charts share no base class that its own types accept

OLD, NEW, UNNAMED, NG = "old", "new", "names no release", "failed or unknown"
LOOKS = {
    OLD: ("#0072B2", "circle"),
    NEW: ("#C77800", "square"),
    UNNAMED: ("#999999", "diamond"),
    NG: ("#000000", "cross"),
}
SAFE_COLOUR = "#00765A"
_POINT_AREA = 34
_SMALL_AREA = 22
_LABEL_PX = 14  # a line of a rule's label
_FORMATS = {".svg", ".png", ".html"}


class PlotError(PosterError):
    """The picture cannot be written."""


def strip(history: History, transition: Transition, margin_s: float = 2.0) -> Picture:
    """Return poster x time around one deploy, a dot a call, by what answered.

    Time is in seconds from the end of the deploy command, where a step tells it, else from the
    first new answer. Rules mark what the deployer was told, and from when it was safe; the mixing
    window is shaded.
    """
    zero_ns, since = _zero(history.steps, transition)
    calls = _calls_around(history, transition, zero_ns, margin_s)
    names = _names(history, transition)
    dots = alt.Chart(calls).mark_point(size=_POINT_AREA, opacity=1, filled=True)
    dots = dots.encode(
        x=alt.X(
            "time_s:Q",
            title=f"seconds after {since}",
            axis=alt.Axis(grid=False, tickCount=10),
        ),
        y=alt.Y("poster:N", title="poster"),
        yOffset=alt.YOffset("answer:N", scale=alt.Scale(domain=list(LOOKS))),
        color=_by_answer("color", calls, names),
        shape=_by_answer("shape", calls, names),
        tooltip=["seq", "todo_id", "answer", "function_version", "outcome", "time_s"],
    )
    moved = f"{name_of(transition.start)} -> {name_of(transition.to)}"
    said = f"{moved}: both answered for {transition.window_s:.3f} s"
    marks = _marks(history.steps, transition, zero_ns)
    return alt.layer(
        *_window(transition, zero_ns), *map(_rule, reversed(range(len(marks))), marks), dots
    ).properties(
        width=640,
        height=30 * calls["poster"].n_unique() + 20,
        title=alt.Title(said, subtitle=_what_was_simulated(history.run)),
        description=". ".join(
            [
                "Every call around one deploy: a row a poster, a dot a call, by what answered",
                said,
                *(f"{label}: {at_s:.1f} s after {since}" for at_s, label, _ in marks),
            ]
        ),
    )


def strips(judged: Sequence[tuple[History, Result]]) -> Picture:
    """Return one strip per run, one above the other, on one scale of time.

    Each shows the run's first deploy, from its start on.
    """
    shown = [each for each in judged if each[1].transitions]
    last = len(shown) - 1
    drawn = [_deploy_strip(*each, is_last=place == last) for place, each in enumerate(shown)]
    said = "A strip a run, from the start of its first deploy: a dot a call, by what answered"
    strips = alt.vconcat(*drawn, spacing=4, description=said)
    return strips.resolve_scale(x="shared", color="shared", shape="shared")


def save(chart: Picture, path: Path) -> None:
    """Write the picture in the format that the name ends with. Raises PlotError."""
    if path.suffix not in _FORMATS:
        raise PlotError(f"{path} ends with none of {', '.join(sorted(_FORMATS))}")
    # Labels come out of histories: what cannot be shown would end the process that draws it.
    spec = _plain(chart.to_dict())
    spec["config"]["aria"] = False  # the picture is said as a whole
    chart = type(chart).from_dict(spec, validate=False)
    try:
        if path.suffix == ".html":
            chart.save(path, inline=True)
        else:
            chart.save(path, scale_factor=2 if path.suffix == ".png" else 1)
        if path.suffix == ".svg":
            path.write_text(_named(path.read_text(encoding="utf-8"), spec), encoding="utf-8")
    except OSError as error:
        raise PlotError(f"cannot write {path}: {error.strerror}") from error


def _named(svg: str, spec: dict[str, Any]) -> str:
    """Return the SVG with the title and the description that a screen reader says."""
    title = spec.get("title")
    texts = {"title": title["text"] if isinstance(title, dict) else title}
    texts["desc"] = spec.get("description")
    said = "".join(f"<{name}>{html.escape(text)}</{name}>" for name, text in texts.items() if text)
    opening, end, rest = svg.partition(">")
    return f'{opening} role="img"{end}{said}{rest}'


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
    calls = _times_of(history, transition)
    title = f"{line.way}, lag {line.propagation}: {line.verdict}"
    return (
        alt.Chart(calls.select("time_s", "poster", "answer", "seq"), title=alt.Title(title))
        .mark_point(size=_SMALL_AREA, opacity=0.9, filled=True)
        .encode(
            x=alt.X(
                "time_s:Q",
                title="seconds from the start of the deploy" if is_last else None,
                axis=alt.Axis(grid=False, tickCount=12),
            ),
            y=alt.Y("poster:N", title=None, axis=alt.Axis(labels=False, ticks=False)),
            color=_by_answer("color", calls),
            shape=_by_answer("shape", calls),
            tooltip=["seq", "poster", "answer", "time_s"],
        )
        .properties(width=640, height=13 * calls["poster"].n_unique())
    )


def _times_of(history: History, transition: Transition) -> pl.DataFrame:
    start_ns, end_ns = transition.phase.deploy_ns, transition.phase.next_deploy_ns
    within = pl.col("sent_ns") >= start_ns
    if end_ns is not None:
        within &= pl.col("sent_ns") < end_ns
    time_s = (pl.coalesce("received_ns", "sent_ns") - start_ns) / 1e9
    calls = _with_answers(history, transition).filter(within)
    return calls.with_columns(time_s=time_s).collect()


def _zero(steps: Sequence[Step], transition: Transition) -> tuple[int, str]:
    """Return the moment that times count from, on the run's clock, and its name."""
    done_ns = _done_ns(steps, transition)
    if done_ns is None:
        return transition.first_new_ns, "the first answer of the new release"
    return done_ns, "the deploy command said done"


def _done_ns(steps: Sequence[Step], transition: Transition) -> int | None:
    phase = transition.phase
    ends = [
        step.at_ns
        for step in steps
        if step.name == StepName.DEPLOY_FINISHED
        and step.at_ns >= phase.deploy_ns
        and (phase.next_deploy_ns is None or step.at_ns < phase.next_deploy_ns)
    ]
    return min(ends, default=None)


def _calls_around(
    history: History, transition: Transition, zero_ns: int, margin_s: float
) -> pl.DataFrame:
    at_ns = pl.coalesce("received_ns", "sent_ns")
    edges = (transition.first_new_ns, transition.last_old_ns, transition.settled_ns, zero_ns)
    known = [(each - zero_ns) / 1e9 for each in edges if each is not None]
    return (
        _with_answers(history, transition)
        .with_columns(
            time_s=(at_ns - zero_ns) / 1e9,
            poster=pl.when(pl.col("poster") == PROBER)
            .then(pl.lit("probes"))
            .otherwise(pl.col("poster").cast(pl.String)),
        )
        .filter(pl.col("time_s").is_between(min(known) - margin_s, max(known) + margin_s))
        .select("seq", "poster", "todo_id", "time_s", "answer", "function_version", "outcome")
        .collect()
    )


def _with_answers(history: History, transition: Transition) -> pl.LazyFrame:
    """Return every call with ``answer``: OLD, NEW, UNNAMED or NG."""
    return every_call(history.calls).with_columns(
        answer=pl.when(pl.col("outcome") != "ok")
        .then(pl.lit(NG))
        .when(pl.col("release").is_null())
        .then(pl.lit(UNNAMED))
        .when(pl.col("release").cast(pl.String) == transition.start)
        .then(pl.lit(OLD))
        .otherwise(pl.lit(NEW))
    )


def _names(history: History, transition: Transition) -> dict[str, str]:
    """Return how the legend names old and new: with the release's marker, where it has one."""
    found = with_release(history.calls).select("release", "marker").unique().collect()
    markers = {str(release): marker for release, marker in found.iter_rows() if marker}
    return {
        role: f"{role}: {markers.get(release, name_of(release))}"
        for role, release in ((OLD, transition.start), (NEW, transition.to))
    }


def _by_answer(
    channel: Literal["color", "shape"], calls: pl.DataFrame, names: dict[str, str] | None = None
) -> Any:
    """Return the encoding by answer: what is drawn by its colour, or by its shape."""
    shown = [answer for answer in LOOKS if answer in set(calls["answer"])]
    kind = alt.Color if channel == "color" else alt.Shape
    return kind(
        "answer:N",
        title="answer",
        scale=alt.Scale(
            domain=shown, range=[LOOKS[answer][0 if channel == "color" else 1] for answer in shown]
        ),
        legend=alt.Legend(labelExpr=_label_expression(names or {})),
    )


def _label_expression(names: dict[str, str]) -> str:
    return f"{json.dumps(names)}[datum.label] || datum.label"


def _window(transition: Transition, zero_ns: int) -> list[alt.Chart]:
    if transition.stale == 0:
        return []
    edges = (transition.first_new_ns, transition.last_old_ns)
    from_s, to_s = ((each - zero_ns) / 1e9 for each in edges)
    window = pl.DataFrame({"from_s": [from_s], "to_s": [to_s]})
    shade = alt.Chart(window).mark_rect(color="#888888", opacity=0.15)
    return [shade.encode(x="from_s:Q", x2="to_s:Q")]


def _marks(
    steps: Sequence[Step], transition: Transition, zero_ns: int
) -> list[tuple[float, str, str]]:
    """Return the moments that a rule marks: seconds, label, colour."""
    found = (
        (transition.switch_ns, "the alias moved", "#666666"),
        (_done_ns(steps, transition), "the deploy command said done", "#000000"),
        (transition.settled_ns, "safe from here", SAFE_COLOUR),
    )
    return [((at - zero_ns) / 1e9, label, hue) for at, label, hue in found if at is not None]


def _rule(place: int, mark: tuple[float, str, str]) -> Picture:
    """Return a dashed rule with its label above the strip, each on a line of its own."""
    at_s, label, colour = mark
    base = alt.Chart(pl.DataFrame({"at_s": [at_s], "label": [label]})).encode(x="at_s:Q")
    safe = colour == SAFE_COLOUR
    rule = base.mark_rule(
        color=colour, strokeDash=[1, 0] if safe else [4, 3], strokeWidth=2.5 if safe else 1.2
    )
    text = base.mark_text(
        align="right" if safe else "left", dx=-4 if safe else 4, color=colour, fontWeight="bold"
    ).encode(text="label:N", y=alt.value(-_LABEL_PX * place - 8))
    stem = base.mark_rule(color=colour).encode(
        y=alt.value(-_LABEL_PX * (place + 1)), y2=alt.value(0)
    )
    return alt.layer(rule, stem, text)


def _what_was_simulated(run: Run) -> str:
    lag = simulated_lag(run)
    return "" if lag is None else f"simulated propagation: {lag}"
