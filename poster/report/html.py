"""The report as one HTML file that opens without a network.

The page is a Jinja template that escapes everything put into it; before that, everything from the
history passes ``plain``. The figures are Altair's, drawn in the browser by Vega, which is in the
file once. The page's own policy lets nothing be loaded and no other script run, so that even a
mistake in the escaping would stay without effect.

Invariant: the page estimates nothing; what ``Result`` holds is arranged and drawn.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import importlib.resources
import json

import altair as alt
import jinja2
import vl_convert
from markupsafe import Markup

from poster.judge.analysis import Result
from poster.judge.releases import name_of
from poster.report import account
from poster.report.page import words
from poster.report.page.figures import figures_of
from poster.report.page.looks import LOOKS, release_name
from poster.report.plain import plain
from poster.rows.history import History

SCRIPTS = ("data.js", "tips.js", "page.js")
MOST_TEXT = 600  # characters of any one text on the page


def render(result: Result, history: History) -> str:
    """Return the whole page."""
    figures = figures_of(result, history)
    scripts = {"library": _library(), "script": "".join(map(_piece, SCRIPTS))}
    data = {
        "looks": {answer: dataclasses.asdict(look) for answer, look in LOOKS.items()},
        "releases": [release_name(release) for release in result.releases],
        "figures": figures,
    }
    environment = jinja2.Environment(
        autoescape=True, finalize=_shown, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.from_string(_piece("page.html")).render(
        **words.heading(result),
        **words.run_tables(result),
        deploys=words.deploys(result, history, list(figures)),
        unseen=[tuple(map(name_of, (move.start, move.to, move.missing))) for move in result.unseen],
        figures=figures,
        total=result.calls.total,
        errors=result.calls.fail + result.calls.unknown,
        environments=any(release.instances for release in result.releases),
        **words.checks(result.checks),
        measured=words.measured(result),
        simulation=words.simulation(result.run),
        account_title=account.TITLE,
        account=[] if result.account is None else list(account.facts(result.account)),
        data=_json(data),
        style=Markup(_piece("page.css")),
        policy=Markup(" ".join(map(_hash, scripts.values()))),
        **{name: Markup(script) for name, script in scripts.items()},
    )


def _piece(name: str) -> str:
    return (importlib.resources.files("poster.report.page") / name).read_text("utf-8")


def _library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script."""
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    bundle: str = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg]
    return bundle.replace("</script", "<\\/script")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _shown(value: object) -> object:
    """Make plain what the template prints; only our own pieces are markup."""
    if isinstance(value, Markup | jinja2.Undefined):
        return value
    written = plain(value)
    return written if len(written) <= MOST_TEXT else f"{written[:MOST_TEXT]}..."


def _json(value: object) -> Markup:
    """Return JSON that cannot end its script element, whatever it holds."""
    written = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return Markup(written.replace("<", "\\u003c"))
