"""The HTML report in a real browser: Debian's chromium, headless, without a network."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from poster.judge.analysis import analyse
from poster.report import html
from poster.rows import loading
from poster.rows.history import History
from poster.rows.record import Observation
from tests.support.histories import RUN, history, history_of, rows
from tests.support.page import MARKUP
from tests.support.simulation import Setting, draw_history, published

browsers = pytest.importorskip("playwright.sync_api", reason="drives the browser; not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")

FLAGS = [
    "--no-sandbox",  # root in a container has none
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
KEPT_RUN = Path(__file__).parents[2] / "docs" / "kept_run"
CALLS = "aaa|ba!?bbb" + "b" * 40
OLD_IN_LIGHT, OLD_IN_DARK = "rgb(0, 114, 178)", "rgb(90, 176, 240)"


@dataclasses.dataclass
class Opened:
    """A page in the browser, what it complained about and what it asked for."""

    page: Any
    complaints: list[str]
    requests: list[str]

    def strip(self, figure: str = "deploy-1") -> Any:
        """Return the strip of a figure."""
        return self.page.locator(f"[data-figure={figure}] [data-chart=strip]")

    def point_at(self, call: int, figure: str = "deploy-1") -> str:
        """Move the pointer to the drawn call of that place in time; return the tooltip's text."""
        strip = self.strip(figure)
        strip.scroll_into_view_if_needed()
        x, y = strip.evaluate(
            """(plot, place) => {
              const figure = page.figures[plot.closest("[data-figure]").dataset.figure];
              const { view } = figure.views.find((each) => each.plot === plot);
              const call = figure.data.calls[place], box = plot.getBoundingClientRect();
              const [left, top] = view.origin();
              return [box.left + left + view.scale("x")(call.at),
                      box.top + top + view.scale("y")(call.middle)];
            }""",
            call,
        )
        self.page.mouse.move(x, y)
        return self.tip()

    def tip(self) -> str:
        """Return the visible tooltip's text."""
        tip = self.page.locator("#tip")
        tip.wait_for(state="visible")
        return " ".join(tip.inner_text().split())

    def shown(self, figure: str = "deploy-1") -> list[float]:
        """Return the stretch of time that a figure shows."""
        found: list[float] = self.page.evaluate(f"page.figures['{figure}'].range")
        return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsers.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    contexts = []

    def open_it(found: History, *, width: int = 1280, scheme: str = "light") -> Opened:
        file = tmp_path / "report.html"
        file.write_text(html.render(analyse(found, None), found), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
        )
        contexts.append(context)
        opened = Opened(context.new_page(), [], [])
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto(file.as_uri())
        opened.page.wait_for_selector("html[data-drawn]", timeout=60_000)
        return opened

    yield open_it
    for context in contexts:
        context.close()


def test_it_opens_without_complaint_and_asks_for_nothing_else(
    open_page: Callable[..., Opened],
) -> None:
    opened = open_page(history(CALLS))
    opened.point_at(3)
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [opened.page.url]
    assert opened.page.url.startswith("file:///")


def test_the_strips_are_drawn(open_page: Callable[..., Opened]) -> None:
    opened = open_page(history(CALLS))
    for figure in ("whole", "deploy-1"):
        strokes = opened.strip(figure).evaluate(
            """(plot) => [...plot.querySelectorAll("svg .mark-rule line")]
              .filter((line) => line.getBoundingClientRect().height > 4)
              .map((line) => getComputedStyle(line).stroke)"""
        )
        assert strokes.count(OLD_IN_LIGHT) == 4  # aaa, and the one after b
        assert opened.strip(figure).locator("svg .mark-symbol path").count() == 2  # ! and ?
    assert opened.page.locator("[data-figure=deploy-1] [data-chart=share] svg path").count() > 3


def test_the_window_begins_at_the_first_new_tick_and_ends_at_the_last_old_one(
    open_page: Callable[..., Opened],
) -> None:
    opened = open_page(history(CALLS))
    window, ticks = opened.strip().evaluate(
        """(plot) => {
          const box = (element) => element.getBoundingClientRect();
          const lines = [...plot.querySelectorAll("svg .mark-rule line")].map((line) =>
            [getComputedStyle(line).stroke, box(line)]).filter(([, each]) => each.height > 4);
          const shade = box(plot.querySelector("svg .mark-rect path"));
          return [[shade.left, shade.right], lines.map(([stroke, each]) => [stroke, each.x])];
        }"""
    )
    old = [x for stroke, x in ticks if stroke == OLD_IN_LIGHT]
    new = [x for stroke, x in ticks if stroke == "rgb(199, 120, 0)"]
    assert window == pytest.approx([min(new), max(old)], abs=1.5)


@pytest.mark.parametrize(
    ("scheme", "old", "page"),
    [
        ("light", OLD_IN_LIGHT, "rgb(251, 250, 247)"),
        ("dark", OLD_IN_DARK, "rgb(20, 23, 26)"),
    ],
)
def test_colours_follow_the_readers_scheme(
    open_page: Callable[..., Opened], scheme: str, old: str, page: str
) -> None:
    opened = open_page(history(CALLS), scheme=scheme)
    stroke = "(plot, colour) => [...plot.querySelectorAll('line')].some("
    stroke += "(line) => getComputedStyle(line).stroke === colour)"
    assert opened.strip().evaluate(stroke, old)
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == page


def test_a_tooltip_shows_a_row(open_page: Callable[..., Opened]) -> None:
    opened = open_page(history(CALLS))
    said = opened.point_at(3)
    assert said.startswith("Call 4: t01-0004 answered by version 2 (bbb) poster 1")
    assert "latency 20.0 ms" in said
    assert "environment b-0" in said
    assert "error HTTP 502" in opened.point_at(5)


def test_other_figures_have_tooltips_too(open_page: Callable[..., Opened]) -> None:
    opened = open_page(history(CALLS))
    for figure, chart, says in (
        ("deploy-1", "share", "% stale"),
        ("deploy-1", "steps", "alias \u2192 2"),
        ("whole", "latency", "answered ok"),
        ("whole", "errors", "failed"),
        ("whole", "environments", "new 2 environments"),
    ):
        plot = opened.page.locator(f"[data-figure={figure}] [data-chart={chart}]")
        plot.scroll_into_view_if_needed()
        target = plot.locator("text", has_text="alias") if chart == "steps" else plot
        target.hover(position=None if chart == "steps" else {"x": 500, "y": 12})
        assert says in opened.tip()


def test_the_keyboard_reaches_every_call_and_every_moment(
    open_page: Callable[..., Opened],
) -> None:
    opened = open_page(history(CALLS))
    figure = opened.page.locator("[data-figure=deploy-1]")
    figure.focus()
    everything = opened.shown()
    figure.press("n")
    figure.press("n")
    assert opened.tip().startswith("Call 2: t02-0002")
    assert "Call 2: t02-0002" in opened.page.locator("#said").inner_text()
    figure.press("p")
    assert opened.tip().startswith("Call 1: t01-0001")
    figure.press("Escape")
    assert not opened.page.locator("#tip").is_visible()
    figure.press("+")
    assert opened.shown()[1] - opened.shown()[0] < everything[1] - everything[0]
    begin = opened.shown()[0]
    figure.press("ArrowRight")
    assert opened.shown()[0] > begin
    figure.press("0")
    assert opened.shown() == everything
    assert "Showing" in opened.page.locator("#said").inner_text()


def test_dragging_zooms_all_charts_of_the_figure(open_page: Callable[..., Opened]) -> None:
    opened = open_page(history(CALLS))
    everything = opened.shown("whole")
    strip = opened.strip("whole")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    opened.page.mouse.move(box["x"] + 300, box["y"] + 20)
    opened.page.mouse.down()
    opened.page.mouse.move(box["x"] + 600, box["y"] + 20, steps=3)
    opened.page.mouse.up()
    begin, end = opened.shown("whole")
    assert everything[0] < begin < end < everything[1]
    in_charts = opened.page.evaluate(
        "page.figures.whole.views.map(({ view }) => [view.signal('from_s'), view.signal('to_s')])"
    )
    assert in_charts == [[begin, end]] * 5
    opened.page.locator("[data-figure=whole] [data-zoom=all]").click()
    assert opened.shown("whole") == everything


RUN_OF_THREE_DEPLOYS = Path(__file__).parents[2] / "notebooks" / "sample_run"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_runs_off_a_narrow_screen(open_page: Callable[..., Opened], width: int) -> None:
    opened = open_page(loading.load(RUN_OF_THREE_DEPLOYS), width=width)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    for svg in opened.page.locator(".plot svg").all():
        drawn = svg.bounding_box()
        assert drawn["x"] >= 0
        assert width / 2 < drawn["x"] + drawn["width"] <= width
    opened.page.evaluate(
        "for (const each of document.querySelectorAll('details')) each.open = true"
    )
    hidden = opened.page.evaluate(
        """[...document.querySelectorAll(".wide, dl, ol, figure")]
          .filter((each) => each.scrollWidth > each.clientWidth)
          .map((each) => each.textContent.slice(0, 60))"""
    )
    assert hidden == [], "one would have to scroll sideways"


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_a_moment_stands_at_one_place_in_all_charts_of_a_figure(
    open_page: Callable[..., Opened], width: int
) -> None:
    opened = open_page(loading.load(KEPT_RUN), width=width)
    for figure in ("whole", "deploy-1"):
        places = opened.page.evaluate(
            """(name) => {
              const { views, range } = page.figures[name];
              return views.map(({ plot, view }) => range.map((at) =>
                plot.getBoundingClientRect().left + view.padding().left + view.origin()[0] +
                view.scale("x")(at)));
            }""",
            figure,
        )
        assert len(places) > 1
        assert places == [pytest.approx(places[0], abs=1.5)] * len(places), figure


def test_names_of_steps_do_not_lie_on_each_other(open_page: Callable[..., Opened]) -> None:
    opened = open_page(loading.load(RUN_OF_THREE_DEPLOYS), width=390)
    for steps in opened.page.locator("[data-chart=steps]").all():
        boxes = steps.evaluate(
            """(plot) => [...plot.querySelectorAll(".mark-text text")]
              .filter((text) => text.textContent).map((text) => text.getBoundingClientRect())
              .map(({ left, right, top, bottom }) => [left, right, top + 2, bottom - 2])"""
        )
        assert boxes
        for one, other in itertools.combinations(boxes, 2):
            apart = one[1] <= other[0] or other[1] <= one[0] or one[3] <= other[2]
            assert apart or other[3] <= one[2]


def test_a_print_has_four_pages_at_most_and_the_legends(
    open_page: Callable[..., Opened], tmp_path: Path
) -> None:
    opened = open_page(loading.load(RUN_OF_THREE_DEPLOYS), scheme="dark")
    printed = opened.page.pdf()
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 4
    opened.page.emulate_media(media="print")
    assert all(legend.is_visible() for legend in opened.page.locator(".legend").all())
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )


def test_many_calls_are_bars_that_count_them(open_page: Callable[..., Opened]) -> None:
    setting = Setting("many", published, rate=2000, lost=0.02)
    opened = open_page(draw_history(setting, seed=1)[0])
    assert opened.strip("whole").locator("svg .mark-rect path").count() > 8
    calls = opened.page.evaluate(
        "page.figures.whole.data.cells.reduce((sum, cell) => sum + cell.calls, 0)"
    )
    assert calls == opened.page.evaluate(
        "page.figures.whole.data.bins.reduce((sum, bin) => sum + bin.ok + bin.errors, 0)"
    )
    assert opened.complaints == []


def test_markup_in_a_history_does_not_run(open_page: Callable[..., Opened]) -> None:
    found = [
        structs.replace(
            row, todo_id=MARKUP, marker=f"{MARKUP}{row.marker}", error=MARKUP, instance_id=MARKUP
        )
        if isinstance(row, Observation)
        else structs.replace(row, name=MARKUP)
        for row in rows(CALLS, versions=False)
    ]
    opened = open_page(history_of(found, structs.replace(RUN, run_id=MARKUP)))
    assert MARKUP[:40] in opened.point_at(0)
    assert opened.page.evaluate("window.hit") is None
    assert opened.page.locator("img").count() == 0
    assert opened.complaints == []


def test_a_script_that_is_not_ours_is_refused(open_page: Callable[..., Opened]) -> None:
    opened = open_page(history(CALLS))
    opened.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),"
        " { textContent: 'window.hit = 1' }))"
    )
    assert opened.page.evaluate("window.hit") is None
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)
