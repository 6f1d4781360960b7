"""Splits of files that are broken, cut short or changed: no row is lost and none is mixed up."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import RunError
from schemas.failure import FailureKind, Stage
from storage.store.local import LocalStore
from tests.transforms.reading import IDS, assert_complete, read, tasks_of, windows_of
from tests.transforms.work import splits_of


def test_a_file_that_cannot_be_read_is_one_row_that_fails(
    tmp_path: Path, store: LocalStore
) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 not really")
    (split,) = splits_of(broken)
    items = read(broken, store, split)
    (task,) = tasks_of(items)
    assert task.problem is not None
    assert (task.problem.kind, task.stage) == (FailureKind.INVALID_ROW, Stage.READ)
    assert "broken.parquet" in task.problem.message
    assert task.asset.asset_id == ""
    assert [window.position for window in windows_of(items)] == [1]


def test_a_catalog_that_changed_ends_the_run_rather_than_mix_its_rows(
    catalog: Path, store: LocalStore
) -> None:
    (split,) = splits_of(catalog)
    os.utime(catalog, ns=(1, 1))
    with pytest.raises(RunError, match="was changed while the run read it"):
        read(catalog, store, split)


def test_data_that_is_corrupt_behind_a_sound_footer_loses_no_row(
    tmp_path: Path, store: LocalStore, pictures: list[Path]
) -> None:
    data = [path.read_bytes() for path in pictures]
    catalog = tmp_path / "c.parquet"
    table = pa.table({"id": IDS, "image": data})
    pq.write_table(table, catalog, compression="none", use_dictionary=False, data_page_size=500)
    whole = bytearray(catalog.read_bytes())
    # The header of the page that begins with this picture, and the length before the picture.
    begin = whole.index(data[20])
    whole[begin - 40 : begin] = b"\xff" * 40
    catalog.write_bytes(whole)
    items = read(catalog, store)
    assert_complete(items)
    tasks = tasks_of(items)
    assert [task.asset.asset_id for task in tasks] == IDS
    problems = {task.position: task.problem.kind for task in tasks if task.problem}
    assert set(problems.values()) <= {FailureKind.INVALID_ROW, FailureKind.STORAGE_ERROR}
    assert 39 in problems
