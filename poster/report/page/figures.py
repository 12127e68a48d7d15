"""Figures as the page's script takes them: charts, data in columns, legend, steps, windows.

A figure's times are seconds after its zero: the run's origin for the whole run, the transition's
zero for a deploy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from poster.judge.analysis import Result
from poster.judge.transition import Transition
from poster.report import sentences
from poster.report.page import charts
from poster.report.page.looks import LOOKS, release_name, short
from poster.report.page.sample import NEW, OLD, Sample, answered, around_each, columns, whole_run
from poster.rows.history import History
from poster.rows.record import Step, StepName

MOST_FLAGS = 60
FLAGS_APART = 0.004  # steps closer than this share of the figure are one flag
TELLING_STEPS = {
    StepName.ALIAS_UPDATED,
    StepName.VERSION_DELETED,
    StepName.PERMISSION_REMOVED,
    StepName.PERMISSION_ADDED,
    StepName.DEPLOY_FAILED,
    StepName.DEPLOY_FINISHED,
    StepName.GATE_PASSED,
}

SAFE = "safe from here"

Figure = dict[str, Any]


def figures_of(result: Result, history: History) -> dict[str, Figure]:
    """Return the figures by name: ``whole``, then ``deploy-1`` and so on for the first deploys."""
    calls = answered(history, result.releases)
    around = around_each(calls, result.transitions)
    return {
        "whole": _whole(whole_run(calls, result.transitions), result),
        **{
            f"deploy-{number}": _deploy(sample, transition, result)
            for number, (sample, transition) in enumerate(
                zip(around, result.transitions, strict=False), start=1
            )
        },
    }


def _whole(sample: Sample, result: Result) -> Figure:
    [only] = result.transitions if len(result.transitions) == 1 else [None]
    return {
        **_figure(sample, result.transitions, result.steps, 0, _roles(only, result)),
        "unit": "seconds of the run",
        "specs": {
            "steps": charts.steps(),
            "strip": charts.strip(sample.lanes, roomy=False),
            "latency": charts.latency(),
            "errors": charts.errors(),
            "environments": charts.environments(),
        },
    }


def _deploy(sample: Sample, transition: Transition, result: Result) -> Figure:
    since = "the alias moved" if transition.switch_ns is not None else "the first new answer"
    names = ("at", "share", "high")
    zero_ns, names_of_roles = transition.phase.zero_ns, _roles(transition, result)
    next_ns = transition.phase.next_deploy_ns
    steps = [step for step in result.steps if next_ns is None or step.at_ns < next_ns]
    return {
        **_figure(sample, [transition], steps, zero_ns, names_of_roles),
        "unit": f"seconds after {since}",
        "specs": {
            "steps": charts.steps(),
            "strip": charts.strip(sample.lanes, roomy=True),
            "share": charts.share(),
        },
        "share": {
            name: [point[place] for point in transition.stale_share]
            for place, name in zip((0, 1, 3), names, strict=True)
        },
        "planned": [
            {
                "from": stage.from_s,
                "to": sample.to_s if stage.to_s is None else stage.to_s,
                "share": 1 - stage.weight,
            }
            for stage in transition.stages
        ],
    }


def _figure(
    sample: Sample,
    transitions: Sequence[Transition],
    steps: Sequence[Step],
    zero_ns: int,
    roles: Mapping[int, str],
) -> Figure:
    met = set(sample.calls["answer"])
    if sample.cells is not None:
        met |= set(sample.cells["answer"])
    return {
        "all": [sample.from_s, sample.to_s],
        "drawn": _drawn(sample),
        "legend": [
            dataclasses.asdict(look) | {"name": roles.get(answer, look.name)}
            for answer, look in LOOKS.items()
            if answer in met
        ],
        "calls": columns(sample.calls),
        "cells": None if sample.cells is None else columns(sample.cells),
        "bins": columns(sample.bins),
        "environments": columns(sample.environments),
        "windows": [
            {"from": (each.first_new_ns - zero_ns) / 1e9, "to": (each.last_old_ns - zero_ns) / 1e9}
            for each in transitions
            if each.stale
        ],
        "steps": [*_flags(steps, zero_ns, sample), *_safe_from(transitions, zero_ns)],
    }


def _roles(transition: Transition | None, result: Result) -> dict[int, str]:
    """Return what old and new are, where that is one release each."""
    names = {release.release: release_name(release) for release in result.releases}
    if transition is None:
        return {OLD: "old: the release before a deploy", NEW: "new: the deployed one"}
    return {OLD: f"old: {names[transition.start]}", NEW: f"new: {names[transition.to]}"}


def _safe_from(transitions: Sequence[Transition], zero_ns: int) -> Iterator[dict[str, Any]]:
    """Yield the moments from which it was safe, as flags."""
    for each in transitions:
        if each.settled_ns is not None:
            at = (each.settled_ns - zero_ns) / 1e9
            said = [[f"{at:.3f} s", sentences.settled(each)]]
            yield {"at": round(at, 4), "label": SAFE, "telling": True, "safe": True, "names": said}


def _drawn(sample: Sample) -> str:
    if sample.cells is None:
        return f"All {sample.total:,} calls are drawn."
    return (
        f"The bars count all {sample.total:,} calls, by poster and moment. Of"
        f" {sample.calls.height:,} each can be pointed at: errors, cold starts, the slowest and the"
        " window's edges, as many as fit, and a random sample of the rest."
    )


def _flags(steps: Sequence[Step], zero_ns: int, sample: Sample) -> list[dict[str, Any]]:
    """Return the steps within the figure; those too close to tell apart are one flag."""
    flags: list[dict[str, Any]] = []
    apart_s = FLAGS_APART * (sample.to_s - sample.from_s)
    for step in steps:
        at = (step.at_ns - zero_ns) / 1e9
        if not sample.from_s <= at <= sample.to_s:
            continue
        if not flags or at - flags[-1]["at"] > apart_s:
            if len(flags) == MOST_FLAGS:
                break
            flags.append(
                {"at": round(at, 4), "label": "", "telling": False, "safe": False, "names": []}
            )
        flag = flags[-1]
        telling = step.name in TELLING_STEPS
        if not flag["names"] or (telling and not flag["telling"]):
            flag["label"], flag["telling"] = _label(step), telling
        if len(flag["names"]) < MOST_FLAGS:
            flag["names"].append([f"{at:.3f} s", _label(step)])
    return flags


def _label(step: Step) -> str:
    if step.name == StepName.DEPLOY_FINISHED:
        return "deploy command done"
    if step.name != StepName.ALIAS_UPDATED or not step.detail.get("to"):
        return short(step.name.replace("-", " "))
    weight = step.detail.get("weight")
    share = f", {weight:.0%}" if isinstance(weight, float) and 0 <= weight < 1 else ""
    return f"alias \u2192 {short(step.detail['to'])}{share}"
