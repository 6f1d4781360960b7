"""Writing parts: what is in their files, what their records count, and when one is due."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.crashing import Crash, CrashingStore
from schemas.arrow import SCHEMA_VERSION, arrow_schema
from schemas.description import Caption
from schemas.failure import Failure
from storage import part_writer
from storage.part_writer import PartWriter
from storage.parts import DONE, FAILED, OUTCOME_NAMES, RETRY, Part, read_keys, staged_parts
from storage.store.local import LocalStore
from tests.storage.rows import a_run, a_writer, add

RUN = a_run()


def read(store: LocalStore, part: Part, content: str) -> pq.ParquetFile:
    return pq.ParquetFile(io.BytesIO(store.get(part.files[content])))


def flushed(writer: PartWriter, last: int) -> Part:
    part = writer.flush(last)
    assert part is not None
    return part


def test_rows_failures_thumbnails_and_keys_lie_in_files_of_their_own(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    writer = a_writer(store, RUN)
    keys = [add(writer, n, name) for n, name in enumerate(["a", "bad", "b", "late"])]
    part = flushed(writer, 4)
    rows = read(store, part, "rows").read()
    assert rows["asset_id"].to_pylist() == ["a", "b"]
    assert rows.schema.equals(arrow_schema(Caption), check_metadata=False)
    failures = read(store, part, "failures").read()
    assert failures["asset_id"].to_pylist() == ["bad", "late"]
    assert failures.schema.equals(arrow_schema(Failure), check_metadata=False)
    assert read(store, part, "thumbnails").read().to_pylist() == [
        {"key": key, "jpeg": f"picture of {name}".encode(), "failed": failed}
        for key, name, failed in zip(
            keys, ["a", "bad", "b", "late"], [False, True, False, True], strict=True
        )
    ]
    found = read_keys(store, part)
    assert found["position"].tolist() == [0, 1, 2, 3]
    assert found["outcome"].tolist() == [DONE, FAILED, DONE, RETRY]
    assert [OUTCOME_NAMES[outcome] for outcome in found["outcome"]] == [
        "done", "failed", "done", "retry"
    ]  # fmt: skip
    assert [f"{int(row['identity_first']):016x}{int(row['second']):016x}" for row in found] == keys


def test_files_say_what_wrote_them(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    writer = a_writer(store, RUN)
    add(writer, 0, "a")
    add(writer, 1, "bad")
    part = flushed(writer, 2)
    for content in ("rows", "failures", "thumbnails"):
        metadata = read(store, part, content).schema_arrow.metadata
        assert metadata == {
            b"calumma.schema_version": str(SCHEMA_VERSION).encode(),
            b"calumma.run_id": RUN.run_id.encode(),
            b"calumma.version": b"0",
        }
    field = read(store, part, "rows").schema_arrow.field("key")
    assert field.metadata == {b"meaning": b"row key, 32 hexadecimal digits"}


outcomes = st.lists(st.sampled_from(["a", "bad", "late", "skip"]), min_size=1, max_size=25)


@settings(deadline=None, max_examples=40)
@given(drawn=outcomes, size=st.integers(1, 7), sums=st.lists(st.integers(0, (1 << 64) - 1)))
def test_counts_add_up_however_parts_are_cut(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[str], size: int, sums: list[int]
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("out"))
    writer = a_writer(store, RUN)
    parts = []
    for total in sums:
        writer.skip(0, total)
    for position, what in enumerate(drawn):
        if what == "skip":
            writer.skip(1)
        else:
            add(writer, position, f"{what}{position}")
        if (position + 1) % size == 0 or position + 1 == len(drawn):
            parts.append(flushed(writer, position + 1))
    ends = [part.last for part in parts]
    assert [part.first for part in parts] == [0, *ends[:-1]]
    assert all(part.counts.balanced for part in parts)
    assert sum(part.counts.rows_out for part in parts) == drawn.count("a")
    assert sum(part.counts.failed for part in parts) == drawn.count("bad") + drawn.count("late")
    assert sum(part.counts.skipped for part in parts) == drawn.count("skip")
    assert parts[0].questions_sum == sum(sums) % (1 << 64)
    kinds = [part.failures_by_kind for part in parts]
    assert sum(kind.get("truncated", 0) for kind in kinds) == drawn.count("bad")
    assert sum(kind.get("timeout", 0) for kind in kinds) == drawn.count("late")
    # A part that skipped all of its rows leaves nothing behind.
    assert sorted(part.name for part in staged_parts(store, RUN.run_id, "s")) == [
        part.name for part in parts if part.files
    ]
    assert staged_parts(store, RUN.run_id, "s") == [part for part in parts if part.files]


def test_a_part_without_rows_is_none(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    writer = a_writer(store, RUN, first=5)
    assert writer.flush(5) is None
    assert list(store.entries("")) == []
    add(writer, 5, "a")
    assert (flushed(writer, 6).first, flushed(writer, 7).first) == (5, 6)


def test_what_is_no_part_yet_is_not_staged(tmp_path: Path) -> None:
    """A part is there once its record is: it is written last."""
    for at in range(1, 6):
        store = LocalStore(tmp_path / str(at))
        writer = a_writer(CrashingStore(store, at, after=False), RUN)
        add(writer, 0, "a")
        add(writer, 1, "bad")
        with pytest.raises(Crash):
            writer.flush(2)
        assert staged_parts(store, RUN.run_id, "s") == []
    last = LocalStore(tmp_path / "whole")
    whole = a_writer(CrashingStore(last, 6, after=False), RUN)
    add(whole, 0, "a")
    add(whole, 1, "bad")
    part = flushed(whole, 2)
    assert staged_parts(last, RUN.run_id, "s") == [part]


def test_a_part_is_due_by_its_rows_or_its_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_writer, "ROWS_PER_PART", 2)
    now = 100.0
    writer = PartWriter(
        store=LocalStore(tmp_path),
        run_id=RUN.run_id,
        split_id="s",
        attempt="x",
        first=0,
        record=Caption,
        version="0",
        clock=lambda: now,
    )
    writer.skip(1000)
    assert not writer.due
    add(writer, 0, "a")
    assert not writer.due
    add(writer, 1, "bad")
    assert writer.due
    writer.flush(1002)
    assert not writer.due
    now += 29.9
    assert not writer.due
    now += 0.1
    assert writer.due


def test_the_bound_of_thumbnails_is_drawn_at_the_start_of_each_part(tmp_path: Path) -> None:
    bounds = iter([1 << 64, 1000, 1])
    writer = PartWriter(
        store=LocalStore(tmp_path),
        run_id=RUN.run_id,
        split_id="s",
        attempt="x",
        first=0,
        record=Caption,
        version="0",
        sample_below=lambda: next(bounds),
    )
    assert writer.sample_below == 1 << 64
    add(writer, 0, "a")
    writer.note_unusual_picture()
    first = flushed(writer, 1)
    assert (first.sample_below, first.unusual_pictures, writer.sample_below) == (1 << 64, 1, 1000)
    second = flushed(writer, 2)
    assert (second.sample_below, second.unusual_pictures) == (1000, 0)


def test_a_record_survives_json(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    writer = a_writer(store, RUN)
    add(writer, 0, "a")
    writer.skip(0, (1 << 64) - 1)
    part = flushed(writer, 1)
    (path,) = [entry.path for entry in store.entries("") if entry.path.endswith(".json")]
    assert json.loads(store.get(path))["questions_sum"] == (1 << 64) - 1
    assert staged_parts(store, RUN.run_id, "s") == [part]
    assert np.array_equal(
        read_keys(store, part), read_keys(store, staged_parts(store, RUN.run_id, "s")[0])
    )
