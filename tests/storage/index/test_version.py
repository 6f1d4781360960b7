"""Versions of an index: read as they were committed, and refused if they are not ours."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.manifest import Counts
from storage.index.card import IndexCard
from storage.index.errors import IndexDamagedError, IndexMismatchError
from storage.index.settings import SearchSettings
from storage.index.version import IndexVersion
from storage.index_store import IndexRecord, commit_record, committed_by, latest_record
from storage.store import open_store

CARD = IndexCard(
    kind="ivf",
    factory="IVF16,Flat",
    why="It was asked for.",
    bytes_per_vector=264.5,
    stored_bytes_per_vector=140.0,
    count=1000,
    dimension=64,
    model="clip",
    revision="abc",
    modality="image",
    settings=SearchSettings(nprobe=4),
    target=0.9,
    recall={1: 0.99, 10: 0.95, 100: 0.9},
    queries=100,
    milliseconds_per_query=0.25,
)


def a_version(card: IndexCard | None) -> IndexVersion:
    return IndexVersion(
        model="clip",
        revision="abc",
        modality="image",
        dimension=64,
        trained="trained.faiss",
        shards=("a", "b"),
        removed="removed.json",
        card=card,
    )


def a_record(card: IndexCard | None) -> IndexRecord:
    return IndexRecord(
        number=1,
        token="",
        run_id="20260101-000000-aaaaaa",
        version=a_version(card),
        parts=("embeddings/a.parquet", "embeddings/b.parquet"),
        counts=Counts(rows_in=5, rows_out=3, failed=1, skipped=1),
        embeddings="s3://bucket/out",
    )


def written(folder: Path, card: IndexCard | None = CARD) -> Path:
    """The file of a version that was committed."""
    commit_record(open_store(str(folder)), a_record(card))
    (path,) = (folder / "_versions").iterdir()
    return path


@pytest.mark.parametrize("card", [None, CARD])
def test_a_version_is_read_as_it_was_committed(tmp_path: Path, card: IndexCard | None) -> None:
    written(tmp_path, card)
    read = latest_record(open_store(str(tmp_path)))
    assert read is not None
    assert read.token
    assert replace(read, token="") == a_record(card)


def test_where_nothing_was_built_there_is_no_version(tmp_path: Path) -> None:
    assert latest_record(open_store(str(tmp_path))) is None
    assert committed_by(open_store(str(tmp_path)), 1) is None


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(IndexMismatchError, match="is of format 2"):
        latest_record(open_store(str(tmp_path)))


@pytest.mark.parametrize("name", ["model", "shards", "card"])
def test_a_field_too_few_or_too_many_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path)
    record = json.loads(path.read_text())
    whole = record["version"]
    for fields in (
        {key: value for key, value in whole.items() if key != name},
        {**whole, "more": 1},
        {**whole, "card": {**whole["card"], "more": 1}},
        {**whole, "card": {**whole["card"], "settings": {"depth": 1}}},
        {**whole, "card": {**whole["card"], "recall": None}},
    ):
        path.write_text(json.dumps({**record, "version": fields}))
        with pytest.raises(IndexDamagedError):
            latest_record(open_store(str(tmp_path)))


@pytest.mark.parametrize("cut", [0, 1, 20, 100])
def test_a_version_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[: -1 - cut])
    with pytest.raises(IndexDamagedError, match="does not describe an index"):
        latest_record(open_store(str(tmp_path)))
