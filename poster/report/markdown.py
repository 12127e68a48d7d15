"""The report for a step summary or a pull-request comment: the answer, a table, the budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from poster.judge.analysis import Result
from poster.judge.budgets import MEASURES, Judged
from poster.judge.releases import name_of
from poster.report.plain import plain
from poster.report.sentences import headline, safe_line, safe_when
from poster.report.table import in_markdown

_DEPLOYS = ["deploy", "safe from", "mixing window", "stale answers", "failed", "unknown"]
_OBEYED = frozenset("\\|<>[]*_`&@#~")  # written as entities, which no Markdown obeys
_BUDGETS = ["budget", "allowed", "seen", "concluded", "why"]


def render(result: Result, budgets: Sequence[Judged]) -> str:
    """Return it, with a final newline."""
    said = [f"**{_cell(safe_line(result))}**", _cell(headline(result))]
    if result.transitions:
        said.append(in_markdown(_DEPLOYS, list(_deploys(result)), set(_DEPLOYS[2:])))
    if budgets:
        said.append(in_markdown(_BUDGETS, list(map(_budget, budgets)), {"allowed", "seen"}))
    found = [
        f"- {check.title}: {finding.count}"
        for check, finding in result.checks.made()
        if finding.count
    ]
    if found:
        said.append("\n".join(found))
    return "\n\n".join(part.rstrip("\n") for part in said) + "\n"


def _deploys(result: Result) -> Iterator[list[str]]:
    for transition, safe in zip(result.transitions, result.safe, strict=True):
        yield [
            _cell(f"{name_of(transition.start)} to {name_of(transition.to)}"),
            "cannot be said" if safe.s is None else safe_when(safe),
            f"{transition.window_s:.3f} s",
            str(transition.stale),
            str(transition.fail),
            str(transition.unknown),
        ]


def _budget(budget: Judged) -> list[str]:
    unit = " s" if MEASURES[budget.name].unit == "s" else ""
    seen = budget.measured.value
    return [
        f"`--max-{budget.name}`",
        f"{budget.most:g}{unit}",
        "-" if seen is None else f"{seen:g}{unit}",
        budget.outcome,
        _cell(budget.reason),
    ]


def _cell(text: str) -> str:
    """Return text of a history so that Markdown shows it and obeys none of it."""
    return "".join(f"&#{ord(char)};" if char in _OBEYED else char for char in plain(text))
