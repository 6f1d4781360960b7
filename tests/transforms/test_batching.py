"""Batches: every task once, like sizes together, whatever order they came in."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.work import a_task, an_image
from transforms.batching import make_batches
from transforms.items import Task

Drawn = list[tuple[int, int, int]]
drawn_tasks = st.lists(
    st.tuples(st.sampled_from([8, 16, 24]), st.sampled_from([8, 32]), st.integers(1, 3)),
    max_size=40,
)


def make_tasks(drawn: Drawn) -> list[Task]:
    return [
        a_task(
            position // 2, ordinal=position % 2, image=an_image(height, width), prompt="p" * long
        )
        for position, (height, width, long) in enumerate(drawn)
    ]


def likeness(task: Task) -> tuple[int, ...]:
    assert task.image is not None
    return (*task.image.pixels.shape[:2], len(task.prompt))


@settings(deadline=None)
@given(drawn_tasks, st.integers(1, 12))
def test_every_task_is_in_one_batch(drawn: Drawn, batch_size: int) -> None:
    tasks = make_tasks(drawn)
    found = [task for batch in make_batches(tasks, batch_size) for task in batch]
    assert len(found) == len(tasks)
    assert set(map(id, found)) == set(map(id, tasks))


@settings(deadline=None)
@given(drawn_tasks, st.integers(1, 12))
def test_all_batches_but_the_last_are_full(drawn: Drawn, batch_size: int) -> None:
    sizes = [len(batch) for batch in make_batches(make_tasks(drawn), batch_size)]
    whole, rest = divmod(len(drawn), batch_size)
    assert sizes == [batch_size] * whole + [rest] * bool(rest)


@settings(deadline=None)
@given(drawn_tasks, st.integers(1, 12))
def test_like_sizes_go_together(drawn: Drawn, batch_size: int) -> None:
    tasks = make_tasks(drawn)
    found = [task for batch in make_batches(tasks, batch_size) for task in batch]
    assert [likeness(task) for task in found] == sorted(map(likeness, tasks))
    for before, after in itertools.pairwise(found):
        if likeness(before) == likeness(after):
            assert (before.position, before.ordinal) < (after.position, after.ordinal)


@settings(deadline=None)
@given(drawn_tasks, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    drawn: Drawn, batch_size: int, rng: random.Random
) -> None:
    tasks = make_tasks(drawn)
    shuffled = rng.sample(tasks, len(tasks))
    assert list(make_batches(shuffled, batch_size)) == list(make_batches(tasks, batch_size))


def test_no_tasks_make_no_batch() -> None:
    assert list(make_batches([], 4)) == []


def test_the_window_itself_is_left_as_it_was() -> None:
    tasks = [a_task(0, image=an_image(16)), a_task(1, image=an_image(8))]
    list(make_batches(tasks, 4))
    assert [task.position for task in tasks] == [0, 1]
