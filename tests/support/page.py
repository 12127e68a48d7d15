"""An HTML report as a reader finds it: elements, scripts, data, text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

MARKUP = "</script><script>window.hit = 1</script><img src=x onerror=window.hit=1>\"'&lt;{{ 7*7 }}"


class Page(HTMLParser):
    """A parsed page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(html)
        self.close()

    @property
    def data(self) -> dict[str, Any]:
        """What the page's own script draws."""
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        self.text += " "
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""
        self.text += " "

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data

    @property
    def said(self) -> str:
        """The page's text on one line."""
        return " ".join(self.text.split())
