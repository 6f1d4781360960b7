"""Building a shard: what is in its files, and what is not taken."""

from pathlib import Path

import numpy as np
import pytest

from schemas.errors import UsageError
from storage.index.build import build_shard
from storage.index.errors import VectorError
from storage.index.shard import OFFSETS, TEXT, VECTORS, StoredAs, read_shard_record, verify_digests
from storage.index.vectors import Vectors
from tests.storage.index.making import clustered, in_batches, names, opened, trained_on

VECTORS_THERE = clustered(400, 16, seed=5)
FLAT = trained_on("Flat", VECTORS_THERE)
IDS = ["a", "", "ü" * 100, "日本", *names(396)]


@pytest.mark.parametrize("stored_as", ["float16", "float32"])
def test_vectors_and_ids_are_stored_row_by_row(tmp_path: Path, stored_as: StoredAs) -> None:
    record = build_shard(
        FLAT, in_batches(IDS, VECTORS_THERE, 64), tmp_path / "s", stored_as=stored_as
    )
    assert (record.count, record.dimension, record.kind) == (400, 16, "flat")
    assert record == read_shard_record(tmp_path / "s")
    verify_digests(tmp_path / "s")
    raw = np.fromfile(tmp_path / "s" / VECTORS, stored_as).reshape(400, 16)
    assert np.array_equal(raw, VECTORS_THERE.astype(stored_as))
    assert (tmp_path / "s" / TEXT).read_bytes() == "".join(IDS).encode()
    offsets = np.fromfile(tmp_path / "s" / OFFSETS, "<i8")
    assert offsets[:4].tolist() == [0, 1, 1, 201]
    index = opened(tmp_path, ["s"], 16)
    assert index.ids(np.array([399, 2, 1, 3, 3])) == [IDS[399], IDS[2], "", IDS[3], IDS[3]]
    assert np.array_equal(index.vectors(np.array([5, 0])), raw[[5, 0]].astype(np.float32))


@pytest.mark.parametrize("factory", ["Flat", "IVF8,Flat", "IVF8,PQ8x4fsr", "IVF8,RaBitQ", "HNSW8"])
def test_the_same_vectors_make_the_same_files_however_they_are_batched(
    tmp_path: Path, factory: str
) -> None:
    vectors = clustered(3000, 16, seed=5)
    trained = trained_on(factory, vectors)
    one = build_shard(trained, in_batches(names(3000), vectors), tmp_path / "one")
    again = build_shard(trained, in_batches(names(3000), vectors), tmp_path / "again")
    assert one == again
    if factory != "HNSW8":  # a graph is linked a batch at a time
        small = build_shard(trained, in_batches(names(3000), vectors, 100), tmp_path / "small")
        assert one == small


def refused(tmp_path: Path, ids: list[str], vectors: Vectors) -> str:
    with pytest.raises(VectorError) as caught:
        build_shard(FLAT, [(IDS[:2], VECTORS_THERE[:2]), (ids, vectors)], tmp_path / "s")
    assert not (tmp_path / "s" / "shard.json").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.nan, "holds values that are no numbers, or infinite ones."),
        (np.inf, "holds values that are no numbers, or infinite ones."),
        (3e38, "has the length inf and must have 1: normalise it."),
        (3.0, "has the length 12 and must have 1: normalise it."),
        (0.0, "is zero."),
    ],
)
def test_a_bad_vector_is_refused_by_its_id(tmp_path: Path, value: float, reason: str) -> None:
    vectors = VECTORS_THERE[4:8].copy()
    vectors[2] = value
    assert refused(tmp_path, list("wxyz"), vectors) == f"The vector of 'y' {reason}"


def test_a_length_that_half_precision_leaves_is_taken(tmp_path: Path) -> None:
    vectors = (VECTORS_THERE * np.float32(1.004)).astype(np.float32)
    assert build_shard(FLAT, in_batches(names(400), vectors), tmp_path / "s").count == 400


def test_another_dimension_is_refused(tmp_path: Path) -> None:
    text = refused(tmp_path, ["x"], clustered(1, 8, seed=1))
    assert text == "The vector of 'x' has 8 dimensions, and the index 16."


def test_another_type_or_shape_is_refused(tmp_path: Path) -> None:
    assert "float64" in refused(tmp_path / "1", ["x"], VECTORS_THERE[:1].astype(np.float64))
    assert "not float32 of 1" in refused(tmp_path / "2", ["x"], VECTORS_THERE[0])
    assert "1 ids for 2 vectors" in refused(tmp_path / "3", ["x"], VECTORS_THERE[:2])


def test_an_id_that_comes_twice_is_refused(tmp_path: Path) -> None:
    assert "'a' comes twice" in refused(tmp_path / "apart", ["x", "a"], VECTORS_THERE[4:6])
    assert "'x' comes twice" in refused(tmp_path / "beside", ["x", "x"], VECTORS_THERE[4:6])


def test_an_id_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    assert "not valid Unicode" in refused(tmp_path, ["\ud800"], VECTORS_THERE[4:5])


def test_a_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        build_shard(FLAT, [], tmp_path)
    assert (tmp_path / "note.txt").read_text() == "mine"


def test_no_batch_makes_an_empty_shard(tmp_path: Path) -> None:
    assert build_shard(FLAT, [], tmp_path / "s").count == 0
    assert build_shard(FLAT, [([], VECTORS_THERE[:0])], tmp_path / "t").count == 0
    verify_digests(tmp_path / "s")
