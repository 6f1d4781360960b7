"""Reading one split as a worker does, and what must hold of what comes of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from schemas.manifest import Counts
from storage.catalog.split import Split
from storage.digests import sorted_digests
from storage.keys import row_keys
from storage.layout import keys_path
from storage.parts import Part, stage_part
from storage.runs import stage_run
from storage.store.local import LocalStore
from tests.storage.rows import FINGERPRINT, a_run
from tests.transforms.work import describe_settings, read_settings, run_settings, splits_of
from transforms.items import Closed, Item, Opened, Task, WindowClosed
from transforms.read_splits import ReadSplits

RUN = a_run()
IDS = [f"a{number:02d}" for number in range(40)]


@contextmanager
def reader(catalog: Path, store: LocalStore, **describe: Any) -> Iterator[ReadSplits]:
    settings = run_settings(Path(store.uri), RUN.run_id, known_upto=1)
    stage_run(store, RUN)
    step = ReadSplits(
        read=read_settings(catalog),
        work=describe_settings(**{"batch_size": 1, **describe}),
        settings=settings,
        run=RUN,
    )
    step.setup()
    try:
        yield step
    finally:
        step.teardown()


def read(
    catalog: Path, store: LocalStore, split: Split | None = None, **describe: Any
) -> list[Item]:
    with reader(catalog, store, **describe) as step:
        lists = list(step.process(split or splits_of(catalog)[0]))
    assert all(lists)
    return [item for items in lists for item in items]


def know(store: LocalStore, ids: Sequence[str]) -> None:
    """Make rows done, as the first commit of an output does."""
    keys = row_keys(ids, None, FINGERPRINT)
    content = sorted_digests(keys.identity[:, 0], keys.second).serialize()
    store.put(keys_path(1, 1, "done", content), content)


def stage(store: LocalStore, split: Split, last: int) -> Part:
    part = Part(
        split_id=split.split_id,
        first=0,
        last=last,
        attempt="earlier",
        counts=Counts(rows_in=last, rows_out=last),
    )
    stage_part(store, RUN.run_id, part)
    return part


def tasks_of(items: Sequence[Item]) -> list[Task]:
    return [item for item in items if isinstance(item, Task)]


def windows_of(items: Sequence[Item]) -> list[WindowClosed]:
    return [item for item in items if isinstance(item, WindowClosed)]


def assert_complete(items: Sequence[Item], first: int = 0) -> None:
    """Opened, windows in order that count what is in them, Closed; each row in one place."""
    assert isinstance(items[0], Opened)
    assert isinstance(items[-1], Closed)
    position, tasks, found = first, 0, 0
    for item in items[1:-1]:
        if isinstance(item, Task):
            assert item.position >= position
            tasks += 1
            continue
        assert isinstance(item, WindowClosed)
        assert item.tasks == tasks
        assert item.tasks + item.skipped == item.position - position
        position, tasks, found = item.position, 0, found + 1
    assert found
    assert (position, tasks) == (len(IDS), 0)
