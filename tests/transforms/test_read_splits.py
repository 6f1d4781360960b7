"""Reading a split: its windows, what is skipped, going on behind staged parts, stopping."""

import random
from pathlib import Path

import pytest

from storage.keys import row_keys
from storage.layout import stop_path
from storage.store.local import LocalStore
from tests.storage.rows import FINGERPRINT
from tests.transforms.reading import (
    IDS,
    RUN,
    assert_complete,
    know,
    read,
    reader,
    stage,
    tasks_of,
    windows_of,
)
from tests.transforms.work import splits_of
from transforms import read_splits
from transforms.items import Closed, Opened
from transforms.tally import tally_of


def test_every_row_is_a_task_with_its_picture(catalog: Path, store: LocalStore) -> None:
    items = read(catalog, store)
    assert_complete(items)
    tasks = tasks_of(items)
    assert [task.position for task in tasks] == list(range(40))
    assert [task.asset.asset_id for task in tasks] == IDS
    expected = row_keys(IDS, None, FINGERPRINT)
    assert [task.key for task in tasks] == [expected.hex(place) for place in range(40)]
    assert [task.seed for task in tasks] == [expected.seed(place) for place in range(40)]
    assert {task.prompt for task in tasks} == {"say"}
    assert all(task.image and task.image.pixels.shape == (64, 64, 3) for task in tasks)


@pytest.mark.parametrize(("batch_size", "windows"), [(1, [8] * 5), (2, [16, 16, 8]), (5, [40])])
def test_a_window_holds_eight_batches(
    catalog: Path, store: LocalStore, batch_size: int, windows: list[int]
) -> None:
    items = read(catalog, store, batch_size=batch_size)
    assert_complete(items)
    assert [window.tasks for window in windows_of(items) if window.tasks] == windows


def test_large_pictures_make_short_windows(
    catalog: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_splits, "MAX_WINDOW_BYTES", 3 * 64 * 64 * 3)
    items = read(catalog, store, batch_size=32)
    assert_complete(items)
    assert {window.tasks for window in windows_of(items)[:-1]} == {3}


@pytest.mark.parametrize("seed", range(4))
def test_done_rows_are_counted_in_the_window_they_lie_in(
    catalog: Path, store: LocalStore, seed: int
) -> None:
    rng = random.Random(seed)
    done = rng.sample(IDS, [0, 9, 25, 39][seed])
    know(store, done)
    items = read(catalog, store)
    assert_complete(items)
    assert [task.asset.asset_id for task in tasks_of(items)] == [
        asset_id for asset_id in IDS if asset_id not in done
    ]


def test_a_split_without_news_is_one_short_list(catalog: Path, store: LocalStore) -> None:
    know(store, IDS)
    with reader(catalog, store) as step:
        (items,) = step.process(splits_of(catalog)[0])
    assert_complete(items)
    assert [(w.position, w.skipped) for w in windows_of(items)] == [(40, 40)]


def test_a_split_is_gone_on_with_behind_what_is_staged(catalog: Path, store: LocalStore) -> None:
    (split,) = splits_of(catalog)
    part = stage(store, split, 11)
    know(store, [IDS[5], IDS[20]])
    items = read(catalog, store, split)
    assert isinstance(items[0], Opened)
    assert items[0].parts == (part,)
    assert_complete(items, first=11)
    assert [task.position for task in tasks_of(items)] == [*range(11, 20), *range(21, 40)]


def test_a_split_that_is_staged_whole_is_not_read(catalog: Path, store: LocalStore) -> None:
    (split,) = splits_of(catalog)
    part = stage(store, split, 40)
    catalog.unlink()
    opened, closed = read(catalog, store, split)
    assert isinstance(opened, Opened)
    assert opened.parts == (part,)
    assert isinstance(closed, Closed)


def test_a_stopped_run_reads_nothing_more(catalog: Path, store: LocalStore) -> None:
    store.put(stop_path(RUN.run_id), b"{}")
    opened, closed = read(catalog, store)
    assert isinstance(opened, Opened)
    assert isinstance(closed, Closed)


def test_a_run_that_is_stopped_ends_its_split_with_a_window(
    catalog: Path, store: LocalStore
) -> None:
    with reader(catalog, store) as step:
        lists = step.process(splits_of(catalog)[0])
        first = next(lists)
        tally_of(RUN.run_id).stopped = True
        rest = list(lists)
    (window,) = windows_of(first)
    assert window.position == 8
    assert len(rest) == 1
    assert [type(item) for item in rest[0]] == [Closed]
