"""Descriptions of versions: read as they were written, and refused if they are not ours."""

import json
from pathlib import Path

import pytest

from storage.index.card import IndexCard
from storage.index.errors import IndexDamagedError, IndexMismatchError
from storage.index.settings import SearchSettings
from storage.index.version import VERSION_FILE, IndexVersion, read_version, write_version

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


@pytest.mark.parametrize("card", [None, CARD])
def test_a_version_is_read_as_it_was_written(tmp_path: Path, card: IndexCard | None) -> None:
    write_version(tmp_path, a_version(card))
    assert read_version(tmp_path) == a_version(card)


def test_no_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexDamagedError, match=f"{VERSION_FILE} is missing"):
        read_version(tmp_path)


def test_another_format_is_refused(tmp_path: Path) -> None:
    write_version(tmp_path, a_version(CARD))
    path = tmp_path / VERSION_FILE
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(IndexMismatchError, match="is of format 2"):
        read_version(tmp_path)


@pytest.mark.parametrize("name", ["model", "shards", "card"])
def test_a_field_too_few_or_too_many_is_refused(tmp_path: Path, name: str) -> None:
    write_version(tmp_path, a_version(CARD))
    path = tmp_path / VERSION_FILE
    whole = json.loads(path.read_text())
    for fields in (
        {key: value for key, value in whole.items() if key != name},
        {**whole, "more": 1},
        {**whole, "card": {**whole["card"], "more": 1}},
        {**whole, "card": {**whole["card"], "settings": {"depth": 1}}},
        {**whole, "card": {**whole["card"], "recall": None}},
    ):
        path.write_text(json.dumps(fields))
        with pytest.raises(IndexDamagedError):
            read_version(tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 20, 100])
def test_a_description_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    write_version(tmp_path, a_version(CARD))
    path = tmp_path / VERSION_FILE
    path.write_bytes(path.read_bytes()[: -1 - cut])
    with pytest.raises(IndexDamagedError, match="cut short"):
        read_version(tmp_path)
