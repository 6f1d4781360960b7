"""An index as far as a page reads it: ids, rows and a version; no FAISS."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pyarrow as pa

from schemas.manifest import Counts
from storage.index.ids import IdWriter
from storage.index.version import IndexVersion
from storage.index_rows import IndexedAsset
from storage.index_store import ROWS, IndexRecord, commit_record
from storage.store import open_store

_SCHEMA = pa.schema([(column.name, pa.string()) for column in fields(IndexedAsset)])


def write_index(folder: Path, *shards: Sequence[IndexedAsset], embeddings: str) -> str:
    """Write an index whose shards hold some assets; give its folder."""
    for number, assets in enumerate(shards):
        shard = folder / f"shards/{number}"
        shard.mkdir(parents=True)
        with (
            (shard / "ids.offsets").open("wb") as offsets,
            (shard / "ids.utf8").open("wb") as text,
            pa.OSFile(str(shard / ROWS), "wb") as file,
            pa.ipc.new_file(file, _SCHEMA) as writer,
        ):
            IdWriter(offsets, text).add([one.asset_id for one in assets])
            writer.write_table(pa.Table.from_pylist([asdict(one) for one in assets], _SCHEMA))
    version = IndexVersion(
        model="calumma-clip",
        revision="embedded-1",
        modality="image",
        dimension=4,
        trained="",
        shards=tuple(f"shards/{number}" for number in range(len(shards))),
    )
    record = IndexRecord(
        number=1,
        token="",
        run_id="20260101-000000-aaaaaa",
        version=version,
        parts=(),
        counts=Counts(),
        embeddings=embeddings,
    )
    commit_record(open_store(str(folder)), record)
    return str(folder)
