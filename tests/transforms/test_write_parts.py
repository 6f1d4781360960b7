"""Writing outcomes: back in order, as parts, counted; a stage taken apart is an error."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import CountMismatchError, RunError
from schemas.manifest import Counts
from storage.layout import stop_path
from storage.parts import Part, sum_counts
from storage.store.local import LocalStore
from tests.transforms.work import a_problem, a_task, an_outcome
from tests.transforms.writing import RUN, ids, opened, rows_of, window, write, writer
from transforms.items import Closed, Done
from transforms.tally import tally_of


def test_a_window_comes_back_in_order(tmp_path: Path) -> None:
    outcomes = [an_outcome(a_task(position)) for position in (3, 0, 4, 2, 1)]
    (record,) = write(writer(tmp_path), [opened(5), *outcomes, window(5, 5), Closed()])
    assert (record.split_id, record.offset, record.row_count) == ("s", 50, 5)
    (part,) = record.parts
    assert (part.first, part.last, part.attempt) == (0, 5, "now")
    rows = rows_of(tmp_path, record.parts)
    assert ids(rows) == ["a0", "a1", "a2", "a3", "a4"]
    assert [row["text"] for row in rows] == [f"of a{position}" for position in range(5)]
    assert {row["model"] for row in rows} == {"fake"}


windows = st.lists(
    st.lists(st.sampled_from(["good", "bad", "done"]), min_size=1, max_size=6), max_size=6
)


@settings(max_examples=40, deadline=None)
@given(windows, st.integers(1, 7))
def test_every_row_is_in_one_part_and_counted_once(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[list[str]], rows_per_part: int
) -> None:
    tmp_path = tmp_path_factory.mktemp("out")
    items: list[Done] = [opened(sum(map(len, drawn)))]
    position = 0
    expected: dict[str, list[str]] = {"good": [], "bad": [], "done": []}
    for kinds in drawn:
        outcomes = []
        for kind in kinds:
            expected[kind].append(f"a{position}")
            if kind != "done":
                problem = a_problem() if kind == "bad" else None
                outcomes.append(an_outcome(a_task(position, problem=problem)))
            position += 1
        items += [*reversed(outcomes), window(position, len(outcomes), kinds.count("done"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storage.part_writer.ROWS_PER_PART", rows_per_part)
        (record,) = write(writer(tmp_path), [*items, Closed()])
    ends = [0, *(part.last for part in record.parts)]
    assert [part.first for part in record.parts] == ends[:-1]
    assert ends[-1] == position
    assert ids(rows_of(tmp_path, record.parts)) == expected["good"]
    assert ids(rows_of(tmp_path, record.parts, "failures")) == expected["bad"]
    assert sum_counts(record.parts) == Counts(
        rows_in=position,
        rows_out=len(expected["good"]),
        failed=len(expected["bad"]),
        skipped=len(expected["done"]),
    )
    assert all(part.counts.balanced for part in record.parts)


def test_a_part_is_staged_when_it_is_large_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.part_writer.ROWS_PER_PART", 3)
    step = writer(tmp_path)
    write(step, [opened(9), *(an_outcome(a_task(at)) for at in (0, 1)), window(2, 2)])
    assert not list(tmp_path.rglob("*.parquet"))
    write(step, [an_outcome(a_task(2)), window(3, 1)])
    assert len(list(tmp_path.rglob("*.rows.parquet"))) == 1


def test_a_split_is_gone_on_with_behind_its_staged_parts(tmp_path: Path) -> None:
    counts = Counts(rows_in=4, rows_out=1, failed=2, skipped=1)
    before = Part(
        split_id="s",
        first=0,
        last=4,
        attempt="earlier",
        counts=counts,
        failures_by_kind={"timeout": 2},
    )
    items: list[Done] = [
        opened(6, before),
        an_outcome(a_task(4)),
        an_outcome(a_task(5)),
        window(6, 2),
    ]
    (record,) = write(writer(tmp_path), [*items, Closed()])
    assert record.parts[0] == before
    assert [(part.first, part.last) for part in record.parts] == [(0, 4), (4, 6)]
    tally = tally_of(RUN.run_id)
    assert (tally.passed, tally.rows_out, tally.skipped) == (6, 3, 1)
    assert tally.failed == {"timeout": 2}


def test_a_split_that_was_staged_whole_gives_its_record_again(tmp_path: Path) -> None:
    before = Part(split_id="s", first=0, last=4, attempt="earlier", counts=Counts(rows_in=4))
    (record,) = write(writer(tmp_path), [opened(4, before), Closed()])
    assert record.parts == (before,)
    assert not list(tmp_path.iterdir())


def test_too_many_failures_stop_the_run_for_all_workers(tmp_path: Path) -> None:
    failed = [an_outcome(a_task(at, problem=a_problem())) for at in range(60)]
    good = [an_outcome(a_task(at)) for at in range(60, 99)]
    step = writer(tmp_path, rate=0.5)
    write(step, [opened(200), *failed, *good, window(99, 99)])
    store = LocalStore(tmp_path)
    assert not store.exists(stop_path(RUN.run_id))  # not judged before a hundred rows
    write(step, [an_outcome(a_task(99)), window(100, 1)])
    assert "50%" in json.loads(store.get(stop_path(RUN.run_id)))["reason"]
    assert tally_of(RUN.run_id).stopped
    (record,) = write(step, [Closed()])
    assert [(part.first, part.last) for part in record.parts] == [(0, 100)]


def test_what_arrives_without_its_split_is_an_error(tmp_path: Path) -> None:
    for item in (an_outcome(a_task(0)), window(1, 1), Closed()):
        with pytest.raises(RunError, match="were taken apart by the runner"):
            write(writer(tmp_path), [item])


def test_what_arrives_behind_a_closed_split_is_an_error(tmp_path: Path) -> None:
    step = writer(tmp_path)
    write(step, [opened(1), an_outcome(a_task(0)), window(1, 1), Closed()])
    with pytest.raises(RunError, match="were taken apart by the runner"):
        write(step, [an_outcome(a_task(1))])


@pytest.mark.parametrize("arrived", [0, 1, 3])
def test_a_window_that_lacks_a_row_or_has_one_too_many_is_an_error(
    tmp_path: Path, arrived: int
) -> None:
    outcomes = [an_outcome(a_task(at)) for at in range(arrived)]
    with pytest.raises(CountMismatchError, match=f"2 rows .* and {arrived} came back"):
        write(writer(tmp_path), [opened(2), *outcomes, window(2, 2)])
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_bundle_that_begins_forgets_the_one_that_failed(tmp_path: Path) -> None:
    step = writer(tmp_path)
    write(step, [opened(2), an_outcome(a_task(0))])
    step.start_bundle()
    with pytest.raises(RunError):
        write(step, [window(1, 1)])
    step.start_bundle()
    (record,) = write(step, [opened(1), an_outcome(a_task(0)), window(1, 1), Closed()])
    assert ids(rows_of(tmp_path, record.parts)) == ["a0"]


def test_several_splits_follow_each_other(tmp_path: Path) -> None:
    step = writer(tmp_path)
    for _ in range(2):
        items: list[Done] = [opened(1), an_outcome(a_task(0)), window(1, 1), Closed()]
        (record,) = write(step, items)
        assert len(record.parts) == 1
    assert tally_of(RUN.run_id).passed == 2
