"""The loop: from probes that end to a decision, with a last look at the control plane."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from fake_gate import ScriptedProber, TickingClock, answer, failure, scripted
from msgspec import structs

from poster.calls.curl_call import Exchange
from poster.calls.probe import Probed
from poster.gate.control_plane import ControlPlane
from poster.gate.errors import GateError, NoAnswerError, NoVersionError, SupersededError
from poster.gate.sequential import Rule
from poster.gate.settling import STALE_S, Subject
from poster.gate.tally import Expected
from poster.gate.waiting import SILENT_ANSWERS, Question, Service, Wait, wait_in_order
from poster.rows.record import Observation
from tests.support.lambda_api import FakeLambda

FIVE = Rule(stale_share=0.5, confidence=0.8, max_fail_share=1.0)  # the first attempt takes five
SOON_NS = 1_000_000_000
LATE_NS = 30_000_000_000


def answers(versions: str, first: int = 1) -> list[Observation]:
    """One probe per character, 10 ns apart: the version that answers, - for none."""
    return [
        answer(seq, 10 * seq, 10 * seq + 5, None if version == "-" else version)
        for seq, version in enumerate(versions, start=first)
    ]


def wait_with(script: type[ScriptedProber], *names: str, **settings: Any) -> Wait:
    expected = settings.pop("expected", Expected("2"))
    asked = [
        Question(Probed(name, f"http://{name}", Exchange()), expected)
        for name in names or ("here",)
    ]
    wait = Wait(asked, FIVE, 50, TickingClock(), prober=script)
    return dataclasses.replace(wait, **settings)


def test_reached_says_on_what_it_rests() -> None:
    passage = wait_with(scripted(here=answers("112122222"))).until(SOON_NS)
    assert passage.outcome == "reached"
    assert passage.sentence == (
        "5 new answers in a row over 0.0 s, in attempt 1; a wait ends like this with probability"
        " 0.2 at most, ever, while 50 % of calls or more are old; none of 9 probes failed; here was"
        " asked at one address only"
    )
    (count,) = passage.endpoints
    assert (count.new, count.old, count.restarts) == (6, 3, 1)
    assert passage.answered_by == {"1", "2"}


def test_time_out_says_how_far_it_came() -> None:
    probes = [*answers("22122"), failure(6, 60, "HTTP 502: no")]
    passage = wait_with(scripted(here=probes)).until(SOON_NS)
    assert passage.outcome == "timed-out"
    assert passage.sentence == (
        "after 1.0 s it is not sure that callers of here get version 2: 2 of the 8 new answers in a"
        " row that it takes; answers: 4 by 2, 1 by 1, 1 failed or unknown (1 x HTTP 502)"
    )
    assert passage.endpoints[0].last_error == "HTTP 502: no"


def test_all_endpoints_must_pass() -> None:
    stuck = scripted(one=answers("22222"), other=answers("22212"))
    assert wait_with(stuck, "one", "other").until(SOON_NS).outcome == "timed-out"
    both = scripted(one=answers("22222"), other=answers("122222"))
    passage = wait_with(both, "one", "other").until(SOON_NS)
    assert passage.sentence.startswith("at each of 2 endpoints at least 5 new answers in a row")


def test_a_marker_tells_the_new_release_where_no_version_does() -> None:
    probes = [structs.replace(each, marker="bbb") for each in answers("-----")]
    wait = wait_with(scripted(here=probes), expected=Expected(marker="bbb"))
    assert wait.until(SOON_NS).outcome == "reached"
    old = wait_with(scripted(here=probes), expected=Expected(marker="ccc"))
    assert old.until(SOON_NS).endpoints[0].old == 5
    both = wait_with(scripted(here=probes), expected=Expected("2", "bbb"))
    with pytest.raises(NoVersionError):
        both.until(SOON_NS)


def test_an_endpoint_that_never_answers_is_told_apart_from_a_time_out() -> None:
    probes = [failure(1, 10, "HTTP 403: Missing Authentication Token")]
    with pytest.raises(NoAnswerError, match=r"none of 1 probes of here .*HTTP 403: Missing"):
        wait_with(scripted(here=probes)).until(SOON_NS)
    with pytest.raises(NoAnswerError, match=r"none of 0 probes of here .*no outcome yet"):
        wait_with(scripted(here=[])).until(SOON_NS)


def test_a_pointer_to_nowhere_does_not_cost_the_whole_wait() -> None:
    clock = TickingClock()
    wait = wait_with(scripted(here=answers("-" * SILENT_ANSWERS)), clock=clock)
    with pytest.raises(
        NoVersionError, match=r"500 answers of here name no version.*--version-from"
    ):
        wait.until(10**18)


def test_a_release_that_does_not_name_itself_yet_is_an_old_one() -> None:
    passage = wait_with(scripted(here=answers("--22222"))).until(SOON_NS)
    assert passage.outcome == "reached"
    assert passage.endpoints[0].answered_by == {"": 2, "2": 5}


def test_the_control_plane_has_the_last_word() -> None:
    def moved_on() -> bool:
        raise SupersededError("alias live moved on")

    with pytest.raises(SupersededError):
        wait_with(scripted(here=answers("22222")), look=moved_on).until(SOON_NS)


def test_an_old_answer_during_the_last_look_takes_the_decision_back() -> None:
    class Late(scripted(here=answers("22222"))):  # type: ignore[misc]
        def __enter__(self) -> ScriptedProber:
            probers.append(self)
            return super().__enter__()

    probers: list[ScriptedProber] = []

    def look() -> bool:
        if not looks:
            probers[0].emit(answer(6, 60, 65, "1"))
        looks.append(1)
        return True

    looks: list[int] = []
    passage = wait_with(Late, look=look).until(SOON_NS)
    assert passage.outcome == "timed-out"


def test_probes_that_end_by_themselves_are_an_error_with_their_cause() -> None:
    class Broken(scripted(here=[])):  # type: ignore[misc]
        def __enter__(self) -> ScriptedProber:
            self.failure = OSError("no more files")
            self.on_end()
            return self

    with pytest.raises(OSError, match="no more files"):
        wait_with(Broken).until(SOON_NS)

    class Ended(scripted(here=[])):  # type: ignore[misc]
        def __enter__(self) -> ScriptedProber:
            self.on_end()
            return self

    with pytest.raises(GateError, match="ended by themselves"):
        wait_with(Ended).until(SOON_NS)


def test_a_passage_is_a_step_of_a_history() -> None:
    passage = wait_with(scripted(here=answers("122222"))).until(SOON_NS)
    step = passage.step()
    assert (step.name, step.at_ns) == ("gate-passed", passage.at_ns)
    assert step.detail == {
        "expected": "version 2",
        "in_a_row": 5,
        "bound": pytest.approx(0.2),
        "attempts": 1,
        "stale_share": 0.5,
        "waited_s": passage.waited_s,
    }


UNTOLD = Expected()


def service_at(
    version: str,
    expected: Expected = UNTOLD,
    was: str | None = None,
) -> tuple[Service, FakeLambda, TickingClock]:
    clock = TickingClock()
    aws = FakeLambda(clock, version)
    plane = ControlPlane(aws, Subject("todo", "live", expect=expected.version, was=was), clock)
    return Service(plane, lambda version: [HERE], expected), aws, clock


HERE = Probed("here", "http://here", Exchange())


def test_callers_are_asked_for_the_version_that_the_alias_is_at() -> None:
    service, _, clock = service_at("2", was="1")
    wait = wait_with(scripted(here=answers("22222")), clock=clock)
    passage = wait_in_order([service], wait, "1", LATE_NS)
    assert (passage.outcome, passage.expected) == ("reached", (Expected("2"),))


@pytest.mark.parametrize("was", ["1", "2"])
def test_callers_are_not_asked_when_the_control_plane_has_not_settled(was: str) -> None:
    expected = Expected() if was == "1" else Expected("2")
    service, _, clock = service_at("1", expected, was)
    passage = wait_in_order([service], wait_with(scripted(), clock=clock), was, LATE_NS)
    assert passage.outcome == ("nothing-to-wait-for" if was == "1" else "timed-out")


def test_an_alias_that_leaves_before_the_decision_is_noticed() -> None:
    service, aws, clock = service_at("2", Expected("2"))
    aws.states["3"] = "Active"
    wait = wait_with(scripted(here=answers("22222")), clock=clock)
    wait = dataclasses.replace(wait, tell=lambda tallies: aws.point("3"))
    with pytest.raises(SupersededError, match="version 3"):
        wait_in_order([service], wait, None, LATE_NS)


def test_a_look_that_shows_a_former_state_only_holds_the_decision_up() -> None:
    service, aws, clock = service_at("2", Expected("2"))
    wait = wait_with(scripted(here=answers("22222")), clock=clock)
    aws.after(0.5, lambda: aws.stale("GetAlias", 2, {"FunctionVersion": "1"}))
    passage = wait_in_order([service], wait, None, LATE_NS)
    assert passage.outcome == "reached"
    assert passage.waited_s < STALE_S


def test_what_has_nothing_new_is_left_out_where_something_else_is_new() -> None:
    (new, _, clock), (same, _, _) = service_at("2", was="1"), service_at("1", was="1")
    assert same.plane is not None
    same = dataclasses.replace(
        same, plane=ControlPlane(same.plane._client, same.plane.subject, clock)
    )
    wait = wait_with(scripted(here=answers("22222")), clock=clock)
    passage = wait_in_order([new, same], wait, "1", LATE_NS)
    assert (passage.outcome, passage.expected) == ("reached", (Expected("2"),))


@pytest.mark.parametrize("expected", [Expected("2"), Expected(marker="2")])
def test_without_a_control_plane_what_was_before_has_nothing_to_wait_for(
    expected: Expected,
) -> None:
    service = Service(None, lambda version: [HERE], expected)
    passage = wait_in_order([service], wait_with(scripted()), "2", SOON_NS)
    assert passage.outcome == "nothing-to-wait-for"


def test_a_release_that_breaks_ends_the_wait_with_share_example_and_request() -> None:
    crashed = [
        structs.replace(
            failure(seq, 10 * seq, "function error Unhandled: KeyError"),
            request_id=f"r{seq}",
            status=200,
        )
        for seq in range(1, 700)
    ]
    rule = dataclasses.replace(FIVE, max_fail_share=0.02, confidence=0.99)
    passage = wait_with(scripted(here=crashed), rule=rule).until(LATE_NS)
    assert passage.outcome == "broken"
    assert re.fullmatch(
        r"\d+ of \d+ probes of here failed or are unknown \(100.0 %\), over the limit of 2 % with"
        r" 99 % confidence; \d+ x function error Unhandled; the first: function error Unhandled:"
        r" KeyError \(request r1\)",
        passage.sentence,
    )


def test_failures_are_in_the_sentence_also_when_it_passes() -> None:
    probes = [*answers("22"), structs.replace(failure(3, 30, "HTTP 502: no"), request_id="r3")]
    passage = wait_with(scripted(here=[*probes, *answers("222", first=4)])).until(SOON_NS)
    assert passage.outcome == "reached"
    assert (
        "1 of 6 probes failed or are unknown (1 x HTTP 502), 1 of them among the 6 that decide,"
        " which is under 100 %; the first of them: request r3" in passage.sentence
    )


def test_answers_of_a_cache_never_count_and_are_named() -> None:
    cached = [structs.replace(each, cache="Age: 12") for each in answers("22222")]
    mixed = [*cached, *answers("22222", first=6)]
    passage = wait_with(scripted(here=mixed)).until(SOON_NS)
    assert (passage.outcome, passage.endpoints[0].cached) == ("reached", 5)
    assert "5 answers were a cache's (Age: 12) and do not count" in passage.sentence
    with pytest.raises(NoVersionError, match=r"all 5 answers of here were a cache's \(Age: 12\)"):
        wait_with(scripted(here=cached)).until(SOON_NS)


def test_addresses_and_points_of_presence_that_were_asked_are_counted() -> None:
    asked = [
        structs.replace(each, remote_ip=f"192.0.2.{each.seq % 3}", pop=f"NRT{each.seq % 2}")
        for each in answers("22222")
    ]
    passage = wait_with(scripted(here=asked)).until(SOON_NS)
    assert passage.endpoints[0].addresses == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]
    assert passage.sentence.endswith("asked at 3 addresses and 2 points of presence")


def test_probes_in_flight_are_capped() -> None:
    wait = wait_with(scripted())
    assert wait.max_in_flight == 25
    assert dataclasses.replace(wait, at_a_time=5).max_in_flight == 5
    assert dataclasses.replace(wait, at_a_time=100).max_in_flight == 25
