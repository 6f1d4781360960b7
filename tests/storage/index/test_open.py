"""What is opened, and what is not: damaged files, and indexes of something else."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import UsageError
from storage.index.build import build_shard
from storage.index.errors import IndexDamagedError, IndexMismatchError
from storage.index.merge import merge_shards
from storage.index.opened import open_index
from storage.index.removed import Removed
from storage.index.shard import INDEX, LISTS, OFFSETS, RECORD, TEXT, VECTORS, verify_digests
from storage.index.version import IndexVersion
from tests.storage.index.making import (
    MODEL,
    REVISION,
    clustered,
    in_batches,
    names,
    opened,
    trained_on,
)

VECTORS_THERE = clustered(300, 16, seed=5)
FACTORIES = {"flat": "Flat", "lists": "IVF4,SQ8", "fast-scan": "IVF4,PQ8x4fsr", "graph": "HNSW8"}


@pytest.fixture(params=FACTORIES)
def shard(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    trained = trained_on(FACTORIES[request.param], VECTORS_THERE)
    build_shard(trained, in_batches(names(300), VECTORS_THERE), tmp_path / "s")
    return tmp_path / "s"


def test_a_shard_opens_when_it_is_whole(shard: Path) -> None:
    assert len(opened(shard.parent, ["s"], 16)) == 300


@pytest.mark.parametrize("name", [INDEX, VECTORS, OFFSETS, TEXT, RECORD])
def test_a_file_cut_short_or_gone_is_refused(shard: Path, name: str) -> None:
    content = (shard / name).read_bytes()
    for kept in (content[:-1], content[: len(content) // 2], b""):
        (shard / name).write_bytes(kept)
        with pytest.raises(IndexDamagedError, match=name):
            opened(shard.parent, ["s"], 16)
    (shard / name).unlink()
    with pytest.raises(IndexDamagedError, match=f"{name} is missing"):
        opened(shard.parent, ["s"], 16)


def test_lists_of_a_merged_shard_cut_short_are_refused(tmp_path: Path) -> None:
    trained = trained_on("IVF4,SQ8", VECTORS_THERE)
    build_shard(trained, in_batches(names(300), VECTORS_THERE), tmp_path / "s")
    merge_shards(trained, [tmp_path / "s"], tmp_path / "merged")
    lists = tmp_path / "merged" / LISTS
    lists.write_bytes(lists.read_bytes()[:-1])
    with pytest.raises(IndexDamagedError, match=LISTS):
        opened(tmp_path, ["merged"], 16)


def test_a_faiss_file_of_another_size_than_its_record_tells_is_refused(shard: Path) -> None:
    """As if the record had been made after the damage: the sizes agree."""
    content = (shard / INDEX).read_bytes()
    fields = json.loads((shard / RECORD).read_text())
    for damaged in (content[: len(content) // 2], b"no index at all"):
        (shard / INDEX).write_bytes(damaged)
        fields["files"][INDEX]["size"] = len(damaged)
        (shard / RECORD).write_text(json.dumps(fields))
        with pytest.raises(IndexDamagedError, match="no index that FAISS can read"):
            opened(shard.parent, ["s"], 16)


@pytest.mark.parametrize("name", [INDEX, VECTORS, OFFSETS, TEXT])
def test_a_flipped_bit_is_found_by_its_digest(shard: Path, name: str) -> None:
    content = bytearray((shard / name).read_bytes())
    content[len(content) // 2] ^= 1
    (shard / name).write_bytes(content)
    with pytest.raises(IndexDamagedError, match=f"{name} is not what was written"):
        verify_digests(shard)


def altered(**fields: object) -> Callable[[Path], None]:
    def alter(record: Path) -> None:
        record.write_text(json.dumps({**json.loads(record.read_text()), **fields}))

    return alter


@pytest.mark.parametrize(
    ("alter", "error", "text"),
    [
        (altered(format_version=2), IndexMismatchError, "of format 2, and .* reads format 1"),
        (altered(format_version=None), IndexMismatchError, "of format None"),
        (altered(files=None), IndexDamagedError, "does not describe a shard"),
        (altered(files={}), IndexDamagedError, "do not fit together"),
        (altered(more=1), IndexDamagedError, "does not describe a shard"),
        (altered(count=299), IndexDamagedError, "do not fit together"),
        (lambda record: record.write_text("[]"), IndexDamagedError, "does not describe"),
    ],
)
def test_a_record_that_is_wrong_is_refused(
    tmp_path: Path, alter: Callable[[Path], None], error: type[Exception], text: str
) -> None:
    trained = trained_on("Flat", VECTORS_THERE)
    build_shard(trained, in_batches(names(300), VECTORS_THERE), tmp_path / "s")
    alter(tmp_path / "s" / RECORD)
    with pytest.raises(error, match=text):
        opened(tmp_path, ["s"], 16)


def test_a_faiss_file_of_another_shard_is_refused(tmp_path: Path) -> None:
    trained = trained_on("Flat", VECTORS_THERE)
    for name, count in (("s", 300), ("t", 299)):
        build_shard(trained, in_batches(names(count), VECTORS_THERE[:count]), tmp_path / name)
    shutil.copy(tmp_path / "t" / INDEX, tmp_path / "s" / INDEX)
    altered(files={
        **json.loads((tmp_path / "s" / RECORD).read_text())["files"],
        INDEX: json.loads((tmp_path / "t" / RECORD).read_text())["files"][INDEX],
    })(tmp_path / "s" / RECORD)  # fmt: skip
    with pytest.raises(IndexDamagedError, match="not the index that its record describes"):
        opened(tmp_path, ["s"], 16)


@pytest.mark.parametrize(("model", "revision"), [("siglip", REVISION), (MODEL, "def")])
def test_another_model_is_refused(shard: Path, model: str, revision: str) -> None:
    version = IndexVersion(
        model=MODEL,
        revision=REVISION,
        modality="image",
        dimension=16,
        trained="trained.faiss",
        shards=("s",),
    )
    assert len(open_index(shard.parent, version, model=MODEL, revision=REVISION)) == 300
    with pytest.raises(IndexMismatchError, match=f"clip at revision abc, .* {model} at {revision}"):
        open_index(shard.parent, version, model=model, revision=revision)


def test_shards_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    for name, vectors in (("s", VECTORS_THERE), ("t", VECTORS_THERE[::-1].copy())):
        build_shard(
            trained_on("IVF4,SQ8", vectors), in_batches(names(300), vectors), tmp_path / name
        )
    with pytest.raises(IndexMismatchError, match="t was built from another trained index than s"):
        opened(tmp_path, ["s", "t"], 16)
    with pytest.raises(IndexMismatchError, match="vectors of 16 dimensions, and the index of 8"):
        opened(tmp_path, ["s"], 8)


def test_no_shards_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no shards"):
        opened(tmp_path, [], 16)


@pytest.mark.parametrize("rows", [[300], [-1]])
def test_removed_rows_that_are_not_there_are_refused(shard: Path, rows: list[int]) -> None:
    removed = Removed(rows={"s": np.array(rows)})
    with pytest.raises(IndexDamagedError, match="rows that shard s has not"):
        opened(shard.parent, ["s"], 16, removed=removed)


def test_a_list_of_removed_rows_that_is_gone_is_refused(shard: Path) -> None:
    version = replace(opened(shard.parent, ["s"], 16).version, removed="removed.json")
    with pytest.raises(IndexDamagedError, match=r"removed\.json is missing"):
        open_index(shard.parent, version, model=MODEL, revision=REVISION)
