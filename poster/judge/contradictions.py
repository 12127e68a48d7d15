"""Do the names in an answer go together? Pure.

A release has one version, one code and one set of settings. An answer whose code is met with other
settings as well, and its settings with other code, is of two releases at once, or of one that
nobody told of: old code with new settings looks like that, and so does a wrong version header.
Where the run row lists what was released together, ``poster.judge.checks`` counts such answers as
chimeras; elsewhere they are doubt.

Invariant: no answer is contradictory by itself, only beside others.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl

from poster.judge.releases import name_of, named_version
from poster.rows.history import History

NAMES = ("version", "code", "settings")


def contradictions(history: History) -> Iterator[str]:
    """Yield a clause for each kind of names that do not go together, with the rarest such call."""
    answers = (
        history.calls.filter(pl.col("outcome") == "ok")
        .group_by("function_version", "marker", "config_marker")
        .agg(pl.len().alias("calls"), pl.col("seq").min())
        .sort("calls", "seq")
        .collect()
    )
    met = [
        {"version": named_version(version), "code": code, "settings": settings, "seq": seq}
        for version, code, settings, _, seq in answers.rows()
    ]
    released = {*_listed(history), *_of_one_version(met)}
    for one, other in itertools.combinations(NAMES, 2):
        pairs = {_pair(each, one, other): each["seq"] for each in reversed(met)}
        pairs = {pair: seq for pair, seq in pairs.items() if None not in pair}
        ones, others = (Counter(pair[place] for pair in pairs) for place in (0, 1))
        for (first, second), seq in reversed(pairs.items()):
            is_released = one == "code" and (first, second) in released
            if ones[first] > 1 and others[second] > 1 and not is_released:
                names = f"{_said(one, first)} with {_said(other, second)}"
                yield (
                    f"call {seq} was answered by {names}, and each of them answered with another,"
                    " too: nothing says that these were released together"
                    " (`releases` in the run row's settings can)"
                )
                break


def _pair(names: dict[str, Any], one: str, other: str) -> tuple[Any, Any]:
    return names[one], names[other]


def _listed(history: History) -> set[tuple[Any, Any]]:
    """Return the pairs of code and settings that the run row says were released."""
    releases = history.run.settings.get("releases")
    if not isinstance(releases, list):
        return set()
    return {
        (each.get("marker"), each.get("config_marker"))
        for each in releases
        if isinstance(each, dict) and isinstance(each.get("marker"), str)
    }


def _of_one_version(met: list[dict[str, Any]]) -> set[tuple[Any, Any]]:
    """Return the pairs of code and settings that a version of its own has."""
    pairs: dict[str, set[tuple[Any, Any]]] = {}
    for each in met:
        if each["version"] is not None:
            pairs.setdefault(each["version"], set()).add(_pair(each, "code", "settings"))
    return {next(iter(own)) for own in pairs.values() if len(own) == 1}


def _said(kind: str, name: str) -> str:
    return name_of(name) if kind == "version" else f"{kind} {name}"
