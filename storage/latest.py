"""The latest row of each asset: older prompts, models and contents stay in the tables beside it."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import UsageError
from schemas.manifest import RunManifest
from storage.commit_record import manifest_from_json
from storage.duplicates.record import TABLE as DUPLICATES
from storage.duplicates.record import newest_record
from storage.layout import RUNS
from storage.parallel import for_each
from storage.store import Store, open_store

_IDENTITY = {
    "captions": ["asset_id"],
    "answers": ["asset_id", "question_id"],
    "embeddings": ["asset_id", "modality"],
    "neighbors": ["asset_id"],
    "signatures": ["asset_id"],
    "generations": ["asset_id", "sample_number"],
    DUPLICATES: ["asset_id"],
}


def latest_rows(out: str, table: str = "captions") -> pa.Table:
    """Read a table's newest rows: one an asset, or one an asset and question.

    Newest is what was committed last; a run that was interrupted and gone on with may have an
    older id than one that was committed before it.

    Args:
        out: an output, as given to a job.
        table: ``captions``, ``answers``, ``embeddings``, ``neighbors``, ``signatures``,
            ``generations`` or ``duplicates``.

    Returns:
        The table's columns, in the order of the commits. It is read into memory whole.

    Raises:
        UsageError: there is no such table.

    """
    if table not in _IDENTITY:
        raise UsageError(f"There is no table {table!r}: name one of {', '.join(_IDENTITY)}.")
    store = open_store(out)
    files = _files_of(store, table)
    if not files:
        raise UsageError(f"{out} holds no {table}.")
    tables = for_each(store, lambda path: pq.ParquetFile(io.BytesIO(store.get(path))).read(), files)
    rows = pa.concat_tables([part.replace_schema_metadata(None) for part in tables])
    numbered = rows.select(_IDENTITY[table]).append_column("row", pa.array(range(len(rows))))
    newest = numbered.group_by(_IDENTITY[table]).aggregate([("row", "max")])
    return rows.take(newest["row_max"].combine_chunks().sort())


def _files_of(store: Store, table: str) -> list[str]:
    if table == DUPLICATES:
        # Written whole by each run, after its commit.
        record = newest_record(store)
        return list(record.files) if record else []
    return [
        path
        for manifest in sorted(read_manifests(store), key=lambda manifest: manifest.commit)
        for path in manifest.files
        if path.startswith(f"{table}/")
    ]


def read_manifests(store: Store) -> list[RunManifest]:
    """Read the manifests of all finished runs."""
    paths = [entry.path for entry in store.entries(RUNS)]
    return [
        manifest_from_json(json.loads(content)) for content in for_each(store, store.get, paths)
    ]
