"""An index as far as a page reads it: ids, rows and a version; no FAISS."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pyarrow as pa

from schemas.manifest import Counts
from storage.index.card import IndexCard
from storage.index.ids import IdWriter
from storage.index.settings import SearchSettings
from storage.index.version import IndexVersion
from storage.index_rows import IndexedAsset
from storage.index_shards import ROWS
from storage.index_store import IndexRecord, commit_record
from storage.store import open_store

CARD = IndexCard(
    kind="ivf",
    factory="IVF1024,PQ32x4fs",
    why="There is memory for half a byte for each 2 dimensions.",
    bytes_per_vector=37.4,
    stored_bytes_per_vector=272.0,
    count=120_000,
    dimension=64,
    model="some/clip",
    revision="r1",
    modality="image",
    settings=SearchSettings(nprobe=48, factor=8),
    target=0.95,
    recall={1: 0.912, 10: 0.961, 100: 0.97},
    queries=500,
    milliseconds_per_query=0.213,
)

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


def an_index(folder: Path, *cards: IndexCard | None, model: str = "some/clip") -> str:
    """An index of so many versions, each with a card or none."""
    store = open_store(str(folder))
    shard = {"count": 125_000, "files": {"index.faiss": {"size": 10}, "ids.utf8": {"size": 5}}}
    store.put("shards/one/shard.json", json.dumps(shard).encode())
    for number, card in enumerate(cards, 1):
        version = IndexVersion(
            model=model,
            revision="r1",
            modality="image",
            dimension=64,
            trained="trained/one.faiss",
            shards=("shards/one",),
            card=card,
        )
        record = IndexRecord(
            number=number,
            token="",
            run_id=f"20260101-000000-{number:06x}",
            version=version,
            parts=("embeddings/a.parquet",),
            counts=Counts(rows_in=10 * number, rows_out=10 * number),
            embeddings="s3://bucket/out",
        )
        commit_record(store, record)
    return str(folder)
