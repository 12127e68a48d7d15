"""The reports of all doors as one page, and the stale share by door as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import altair as alt
import jinja2
import polars as pl

from labs.doors.judge import Round
from poster.report import html
from poster.report.plots import Picture

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Doors: one function, every way in</title>
<style>
  body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color-scheme: light dark; }
  details { border-bottom: 1px solid #8888; } summary { padding: .6em 1em; cursor: pointer; }
  iframe { display: block; width: 100%; height: 90vh; border: 0; }
  h1, p { margin: .6em 1rem; } h1 { font-size: 1.4rem; }
</style>
<h1>One function, every way in</h1>
<p>A report per door and round; open one to see it.</p>
{% for name, report in reports %}
<details{{ " open" if loop.first }}><summary>{{ name }}</summary>
<iframe title="{{ name }}" srcdoc="{{ report }}" loading="lazy"></iframe></details>
{% endfor %}
"""


def write_page(path: Path, rounds: Sequence[Round]) -> Path:
    """Write the page; return where it is."""
    reports = [
        (f"{door}, front ends {each.front_ends}", html.render(result, each.histories[door]))
        for each in rounds
        for door, result in each.results.items()
    ]
    page = jinja2.Environment(autoescape=True).from_string(_PAGE).render(reports=reports)
    path.write_text(page, encoding="utf-8")
    return path


def picture(rounds: Sequence[Round], said: str) -> Picture:
    """Return the stale share after the first switch of each round, a line a door."""
    panels = []
    for each in rounds:
        points = [
            {"door": door, "time_s": point[0], "stale": point[1]}
            for door, result in each.results.items()
            for point in result.transitions[0].stale_share
        ]
        panels.append(
            alt.Chart(pl.DataFrame(points), title=f"front ends: {each.front_ends}", width=300)
            .mark_line(interpolate="step-after")
            .encode(
                x=alt.X("time_s:Q", title="seconds after the alias moved").scale(domainMax=12),
                y=alt.Y("stale:Q", title="share of stale answers", axis=alt.Axis(format="%")),
                color=alt.Color("door:N"),
                strokeDash=alt.StrokeDash("door:N"),
            )
            .transform_filter("datum.time_s <= 12")
        )
    return alt.hconcat(*panels, title=said)
