"""What a variant does to a cold answer, and the calls turned away: one picture."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from labs.settings.heard import Heard
from labs.settings.judge import Starts, cold
from labs.settings.starts import BASE, VARIANTS
from poster.report.plots import Picture

_HEIGHT = 190
# Of Okabe and Ito's, but blue and orange: those are old and new in every other picture here.
_DOORS = ("#009E73", "#CC79A7", "#56B4E9", "#999999", "#F0E442")


def picture(starts: Starts, reserved: Sequence[Heard], said: str) -> Picture:
    """Return both panels; ``said`` is what stands behind them."""
    return alt.hconcat(_starts(starts), _turned_away(reserved), title=said)


def _starts(starts: Starts) -> Picture:
    ratios = {each.name: starts.ratio(each.name, cold) for each in VARIANTS if each != BASE}
    points = pl.DataFrame(
        [
            {
                "variant": name,
                "ratio": each.value,
                "low": each.value if each.low is None else each.low,
                "high": each.value if each.high is None else each.high,
            }
            for name, each in ratios.items()
        ]
    )
    base = alt.Chart(
        points, title="cold answer: unpacking, init, first call", width=280, height=_HEIGHT
    ).encode(y=alt.Y("variant:N", sort=list(ratios), title=None))
    interval = base.mark_rule().encode(
        x=alt.X("low:Q", title=f"times that of a {BASE.name}, 95 % interval").scale(domainMin=0),
        x2="high:Q",
    )
    alike = alt.Chart(pl.DataFrame({"at": [1.0]})).mark_rule(strokeDash=[4, 4]).encode(x="at:Q")
    return alike + interval + base.mark_point(filled=True, size=60).encode(x="ratio:Q")


def _turned_away(reserved: Sequence[Heard]) -> Picture:
    deploys = [each for each in reserved if each.what == "deploy"]
    told = [(each, *each.at_switch) for each in deploys]
    shares = pl.DataFrame(
        [
            {"reserved": each.setting, "door": each.door, "share": failed / max(calls, 1)}
            for each, failed, calls in told
        ]
    )
    doors = list(dict.fromkeys(each.door for each in deploys))
    return (
        alt.Chart(
            shares,
            title="calls turned away while both versions are called",
            width=280,
            height=_HEIGHT,
        )
        .mark_bar()
        .encode(
            x=alt.X(
                "reserved:N", sort=None, title="reserved concurrency", axis=alt.Axis(labelAngle=0)
            ),
            xOffset=alt.XOffset("door:N", sort=doors),
            y=alt.Y("share:Q", title="share of calls", axis=alt.Axis(format="%")),
            color=alt.Color("door:N", sort=doors).scale(
                domain=doors, range=list(_DOORS[: len(doors)])
            ),
        )
    )
