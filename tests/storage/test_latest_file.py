"""The latest rows as a file: those that the table in memory has."""

import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from schemas.errors import UsageError
from storage.latest import latest_rows
from storage.latest_file import print_latest, write_latest
from storage.store.local import LocalStore
from tests.storage.committed_rows import commit_rows, image_tokens


def test_it_holds_the_rows_that_the_table_in_memory_has(tmp_path: Path) -> None:
    store, out = LocalStore(tmp_path / "out"), str(tmp_path / "out")
    crops = [image_tokens("a", [1], crop) for crop in (0, 1)]
    commit_rows(store, [*crops, image_tokens("b", [2])])
    commit_rows(store, [image_tokens("a", [3], 1), image_tokens("ü", [4])])
    expected = latest_rows(out, "tokens").to_pylist()
    assert [row["codes"] for row in expected] == [[1], [2], [3], [4]]
    target = tmp_path / "latest.parquet"
    assert write_latest(out, "tokens", str(target)) == 4
    assert pq.read_table(target).to_pylist() == expected
    lines = io.StringIO()
    assert print_latest(out, "tokens", lines) == 4
    assert [json.loads(line) for line in lines.getvalue().splitlines()] == expected


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    with pytest.raises(UsageError, match=r"ends neither in \.parquet nor in \.jsonl"):
        write_latest(out, "captions", str(tmp_path / "latest.csv"))
    with pytest.raises(UsageError, match="holds no captions"):
        write_latest(out, "captions", str(tmp_path / "latest.jsonl"))
    assert not list(tmp_path.glob("latest*"))
