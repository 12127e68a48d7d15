"""How soon a browser shows the page of a report. Chromium and playwright are optional."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROUNDS = 5
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
LONGEST_MS = 60_000


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """The page as a file, and in a browser, seconds from its opening."""

    size_mb: float
    first_s: float | None  # None: no browser was there
    all_s: float | None

    @property
    def said(self) -> str:
        """Return it as a sentence."""
        page = f"The page is a file of {self.size_mb:.2f} MB"
        if self.first_s is None:
            return f"{page}. Chromium was not there to open it."
        return (
            f"{page}; headless Chromium shows its first chart after {self.first_s:.2f} s,\n"
            f"all of them after {self.all_s:.2f} s (medians of {ROUNDS} openings)."
        )


def picture_of(page: Path) -> Picture:
    """Open the page several times and return how long it took."""
    size_mb = page.stat().st_size / 1e6
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None or not importlib.util.find_spec("playwright"):
        return Picture(size_mb, None, None)
    with _browser(path) as browser:
        opened = [_opened_s(browser, page) for _ in range(ROUNDS)]
    firsts, alls = zip(*opened, strict=True)
    return Picture(size_mb, statistics.median(firsts), statistics.median(alls))


@contextlib.contextmanager
def _browser(path: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def _opened_s(browser: Any, page: Path) -> tuple[float, float]:
    """Return when the first chart stood and when all did, by the page's own clock."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900}, offline=True)
    tab.goto(page.as_uri(), wait_until="commit")
    moments = []
    for selector in (".plot svg", "html[data-drawn]"):
        tab.wait_for_selector(selector, state="attached", timeout=LONGEST_MS)
        moments.append(tab.evaluate("performance.now()") / 1000)
    tab.close()
    return moments[0], moments[1]
