"""The cold start by variant, and the calls turned away by limit and door, as one picture."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from labs.settings.heard import Heard
from labs.settings.judge import Starts, cold
from labs.settings.starts import VARIANTS
from poster.report.plots import Picture


def picture(starts: Starts, reserved: Sequence[Heard], said: str) -> Picture:
    """Return both panels; ``said`` is what stands behind the right one."""
    return alt.hconcat(_starts(starts), _turned_away(reserved), title=said)


def _starts(starts: Starts) -> Picture:
    medians = {each.name: starts.median(each.name, cold) for each in VARIANTS}
    points = pl.DataFrame(
        [
            {
                "variant": name,
                "ms": each.value,
                "low": each.value if each.low is None else each.low,
                "high": each.value if each.high is None else each.high,
            }
            for name, each in medians.items()
        ]
    )
    base = alt.Chart(points, title="cold answer: unpacking, init, first call", width=280).encode(
        y=alt.Y("variant:N", sort=list(medians), title=None)
    )
    interval = base.mark_rule().encode(
        x=alt.X("low:Q", title="ms, median and 95 % interval").scale(domainMin=0), x2="high:Q"
    )
    return interval + base.mark_point(filled=True, size=60).encode(x="ms:Q")


def _turned_away(reserved: Sequence[Heard]) -> Picture:
    shares = pl.DataFrame(
        [
            {"reserved": each.setting, "door": each.door, "share": each.failed / each.calls}
            for each in reserved
            if each.what == "burst"
        ]
    )
    return (
        alt.Chart(shares, title="turned away of a burst at once, by reserved concurrency")
        .mark_bar()
        .encode(
            x=alt.X("reserved:N", sort=None, title="reserved concurrency"),
            xOffset="door:N",
            y=alt.Y("share:Q", title="share of calls", axis=alt.Axis(format="%")),
            color="door:N",
        )
    )
