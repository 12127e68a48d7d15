"""What the account says of a run, as facts that every form of the report shows."""

from __future__ import annotations

from collections.abc import Iterator

from poster.judge.account import Account, Counted, Work
from poster.rows.record import Run

TITLE = "AWS itself"
Fact = tuple[str, str]


def endpoint_type(run: Run) -> str | None:
    """Return the type of API Gateway's endpoint; None where nobody said it or there is none."""
    said = run.settings.get("endpoint_type")
    return str(said) if said is not None and run.target != "local" else None


def facts(account: Account) -> Iterator[Fact]:
    """Yield each as name and what is said of it."""
    for counted in account.functions:
        yield "Lambda" if counted.version is None else f"version {counted.version}", _said(counted)
    if account.gateway is not None:
        seen = account.gateway
        counts = (
            _number(seen.calls, "calls"),
            _number(seen.answered_4xx, "answered 4XX"),
            _number(seen.answered_5xx, "answered 5XX"),
        )
        yield "API Gateway", ", ".join(counts)
    for work in account.works:
        yield work.service, f"{work.ended}, {_when(work)}"
    for each in account.missing:
        yield "not there", each


def _said(counted: Counted) -> str:
    said = [_number(counted.invocations, "invocations"), _number(counted.errors, "errors")]
    if counted.version is None:  # what is throttled never reaches a version
        said.append(_number(counted.throttles, "throttles"))
        said.append(_number(counted.most_at_once, "at once at most"))
    return ", ".join(said)


def _number(count: int | None, of: str) -> str:
    return f"no figure for {of}" if count is None else f"{count:,} {of}"


def _when(work: Work) -> str:
    if work.to_s is None:
        return f"from {work.from_s:.1f} s of the run"
    return f"{work.from_s:.1f} s to {work.to_s:.1f} s of the run"
