from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.invocation_patterns.stream_batches import Mapping, deliver, done_in


class Worker:
    """Fails as the lab's worker does: raises at the head of more, else names the first failure."""

    def __init__(self, poison: set[int], names_failures: bool = True) -> None:
        self.poison = poison
        self.names_failures = names_failures
        self.batches: list[list[int]] = []
        self.done: list[int] = []
        self.dead: list[tuple[list[int], int]] = []

    def invoke(self, batch: Sequence[Any]) -> int | None:
        self.batches.append(list(batch))
        for place, record in enumerate(batch):
            if record in self.poison:
                cut = place == 0 and len(batch) > 1
                return None if cut or not self.names_failures else place
            self.done.append(record)
        return len(batch)

    def discard(self, batch: Sequence[Any], tried: int) -> None:
        self.dead.append((list(batch), tried))


def delivered(count: int, worker: Worker, mapping: Mapping) -> Worker:
    deliver(list(range(count)), mapping, worker.invoke, worker.discard, lambda retry: None)
    return worker


@given(
    st.integers(1, 30).flatmap(
        lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1)))
    ),
    st.integers(0, 3),
)
def test_every_good_record_is_done_once_and_in_order_and_poison_dies_alone(
    records: tuple[int, set[int]], max_retries: int
) -> None:
    count, poison = records
    worker = delivered(count, Worker(poison), Mapping(max_retries, bisects=True))
    assert worker.done == [record for record in range(count) if record not in poison]
    assert worker.dead == [([record], max_retries + 1) for record in sorted(poison)]


def test_without_cutting_the_neighbours_die_with_the_poison() -> None:
    worker = delivered(4, Worker({0}, names_failures=False), Mapping(1, bisects=False))
    assert worker.batches == [[0, 1, 2, 3], [0, 1, 2, 3]]
    assert worker.dead == [([0, 1, 2, 3], 2)]


def test_a_function_that_only_raises_makes_good_records_come_again() -> None:
    worker = delivered(4, Worker({3}, names_failures=False), Mapping(0, bisects=True))
    assert worker.done == [0, 1, 2, 0, 1, 2, 2]
    assert worker.dead == [([3], 1)]


def test_a_batch_that_is_cut_has_all_its_retries_again() -> None:
    answers = iter([0, None, 0, 0, 1])
    batches, dead = [], []

    def invoke(batch: Sequence[Any]) -> int | None:
        batches.append(list(batch))
        return next(answers)

    deliver(
        ["a", "b"],
        Mapping(max_retries=1, bisects=True),
        invoke,
        lambda batch, tried: dead.append((list(batch), tried)),
        lambda retry: None,
    )
    assert batches == [["a", "b"], ["a", "b"], ["a"], ["a"], ["b"]]
    assert dead == [(["a"], 2)]


@pytest.mark.parametrize(
    ("answer", "done"),
    [
        (None, 3),
        ({}, 3),
        ("x", 3),
        ({"batchItemFailures": []}, 3),
        ({"batchItemFailures": [{"itemIdentifier": "c"}, {"itemIdentifier": "b"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 0),
        ({"batchItemFailures": [{"wrong": "b"}]}, 0),
    ],
)
def test_a_partial_answer_moves_the_checkpoint_to_its_first_failure(answer: Any, done: int) -> None:
    assert done_in(answer, ["a", "b", "c"]) == done
