"""One row an asset: the one that was committed last, by DuckDB's reckoning too."""

from pathlib import Path

import duckdb
import pytest

from bench.crashing import run_job
from schemas.errors import UsageError
from storage.commit import commit_run
from storage.latest import latest_rows
from storage.parts import SplitRecord
from storage.runs import Run
from storage.store.local import LocalStore
from tests.storage.rows import a_run, a_writer, add

_LATEST = """
SELECT c.asset_id, c.run FROM read_parquet('{out}/captions/*/*.parquet') AS c
JOIN read_json('{out}/_runs/*.json', columns = {{run_id: 'VARCHAR', commit: 'BIGINT'}}) AS r
  ON c.run = r.run_id
QUALIFY row_number() OVER (PARTITION BY asset_id ORDER BY r.commit DESC) = 1
ORDER BY asset_id
"""


def commit(store: LocalStore, run: Run, *ids: str) -> None:
    writer = a_writer(store, run)
    for position, asset_id in enumerate(ids):
        add(writer, position, asset_id, version=run.run_id)
    part = writer.flush(len(ids))
    assert part is not None
    record = SplitRecord(split_id="s", offset=0, row_count=len(ids), parts=(part,))
    commit_run(store, run, [("s", 0, len(ids))], [record])


def test_the_latest_commit_counts_and_not_the_latest_run_id(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    commit(store, a_run("20260102-000000-aaaaaa"), "a", "b")
    commit(store, a_run("20260101-000000-bbbbbb", base=1), "b", "c")
    rows = latest_rows(str(tmp_path))
    keys = {str(row["asset_id"]): row["key"] for row in rows.to_pylist()}
    assert sorted(keys) == ["a", "b", "c"]
    by_run = {
        "a": "20260102-000000-aaaaaa",
        "b": "20260101-000000-bbbbbb",
        "c": "20260101-000000-bbbbbb",
    }
    assert duckdb.connect().execute(_LATEST.format(out=tmp_path)).fetchall() == sorted(
        by_run.items()
    )
    for asset_id, run_id in by_run.items():
        (published,) = (
            duckdb.connect()
            .execute(
                f"SELECT key FROM '{tmp_path}/captions/run={run_id}/*.parquet' "
                f"WHERE asset_id = '{asset_id}'"
            )
            .fetchall()
        )
        assert published == (keys[asset_id],)


def test_an_output_without_such_rows_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no answers"):
        latest_rows(str(tmp_path), "answers")
    with pytest.raises(UsageError, match="no table 'failures'"):
        latest_rows(str(tmp_path), "failures")
    run_job(LocalStore(tmp_path), [["a", "b"]], "x")
    assert latest_rows(str(tmp_path))["asset_id"].to_pylist() == ["a", "b"]
