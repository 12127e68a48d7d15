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
from poster.judge.checks import CHECKS, Checks
from poster.report.plain import plain
from poster.report.sentences import headline, safe_line


def render(result: Result, budgets: Sequence[Judged]) -> str:
    """Return the XML with its declaration and a final newline."""
    name = plain(result.run.run_id)
    suite = Element("testsuite", name=f"poster report {name}")
    cases = [*_budget_cases(budgets), *_check_cases(result.checks, budgets)]
    for case in cases if budgets else [_verdict_case(result), *cases]:
        case.set("classname", "poster.report")
        case.set("time", "0")
        suite.append(case)
    SubElement(suite, "system-out").text = plain(f"{safe_line(result)} {headline(result)}")
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
    for name, check in CHECKS.items():
        if check.budget in covered or not check.is_fault:
            continue
        case, finding = Element("testcase", name=check.promise), checks[name]
        if check.needs_store and checks.rows_read is None:
            SubElement(case, "skipped", message="no rows.jsonl: nobody looked into the store")
        elif finding.count:
            witnesses = "; ".join(finding.witnesses)
            _fail(case, name, f"{finding.count}{': ' if witnesses else ''}{witnesses}")
        yield case


def _fail(case: Element, kind: str, message: str) -> None:
    SubElement(case, "failure", type=kind, message=plain(message)).text = plain(message)
