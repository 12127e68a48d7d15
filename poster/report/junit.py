"""The result as JUnit XML, which pipelines show as tests: one case per budget and per check.

Without budgets the verdict is a case of its own. What a budget covers is judged by the budget
alone, so that no check fails what a budget allows. There is no standard; these are the elements and
attributes that Jenkins, GitLab and the like read (testsuites, testsuite, testcase, failure,
skipped).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from poster.judge.analysis import Result
from poster.judge.budgets import Judged
from poster.judge.checks import Checks, Finding
from poster.report.plain import plain
from poster.report.text import headline

# Names of the check, whether it needs the store, the budget that covers it.
CHECKS: tuple[tuple[str, str, bool, str | None], ...] = (
    ("lost_writes", "acknowledged writes are in the store", True, "lost"),
    ("duplicate_rows", "no todo is in the store twice", True, None),
    ("phantom_rows", "every row was asked for", True, None),
    ("failed_but_written", "what was answered no is not in the store", True, None),
    ("marker_mismatches", "answers and rows name the same release", True, None),
    ("chimeras", "code and configuration are of one release", False, "chimeras"),
    ("mixed_versions", "a version answers with one code", False, None),
    ("outside_call", "the server's time lies within the call", False, None),
    ("sequence_gaps", "no call is missing in the history", False, None),
    ("repeated_seqs", "no call is in the history twice", False, None),
    ("malformed_lines", "every line of the history is a row", False, None),
    ("torn_bytes", "the history ends with a whole line", False, None),
)


def render(result: Result, budgets: Sequence[Judged]) -> str:
    """Return the XML with its declaration and a final newline."""
    name = plain(result.run.run_id)
    suite = Element("testsuite", name=f"poster report {name}")
    cases = [*_budget_cases(budgets), *_check_cases(result.checks, budgets)]
    for case in cases if budgets else [_verdict_case(result), *cases]:
        case.set("classname", "poster.report")
        case.set("time", "0")
        suite.append(case)
    SubElement(suite, "system-out").text = plain(headline(result))
    suites = Element("testsuites")
    suites.append(suite)
    for element in (suite, suites):
        element.set("tests", str(len(suite.findall("testcase"))))
        element.set("failures", str(len(suite.findall("testcase/failure"))))
        element.set("skipped", str(len(suite.findall("testcase/skipped"))))
        element.set("errors", "0")
    indent(suites)
    text = tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _verdict_case(result: Result) -> Element:
    case = Element("testcase", name="verdict")
    if result.verdict in ("broken", "unknown"):
        _fail(case, result.verdict, headline(result))
    return case


def _budget_cases(budgets: Sequence[Judged]) -> Iterator[Element]:
    for budget in budgets:
        case = Element("testcase", name=f"--max-{budget.name} {budget.most:g}")
        if budget.outcome != "kept":
            _fail(case, budget.outcome, budget.sentence)
        yield case


def _check_cases(checks: Checks, budgets: Sequence[Judged]) -> Iterator[Element]:
    covered = {budget.name for budget in budgets}
    for name, promise, needs_store, budget in CHECKS:
        if budget in covered:
            continue
        case = Element("testcase", name=promise)
        found = getattr(checks, name)
        finding = found if isinstance(found, Finding) else Finding(found)
        if needs_store and checks.rows_read is None:
            SubElement(case, "skipped", message="no rows.jsonl: nobody looked into the store")
        elif finding.count:
            witnesses = "; ".join(finding.witnesses)
            _fail(case, name, f"{finding.count}{': ' if witnesses else ''}{witnesses}")
        yield case


def _fail(case: Element, kind: str, message: str) -> None:
    SubElement(case, "failure", type=kind, message=plain(message)).text = plain(message)
