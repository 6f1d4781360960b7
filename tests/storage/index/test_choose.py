"""Which index is chosen, and what it takes: compared with what FAISS really writes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import UsageError
from storage.index.choose import IndexChoice, choose_index, cluster_count
from storage.index.merge import merge_shards
from storage.index.shard import INDEX
from tests.storage.index.making import a_choice, an_index, clustered, opened, trained_on


def chosen(
    count: int, memory_bytes: int, recall_target: float = 0.9, dimension: int = 512
) -> IndexChoice:
    return choose_index(
        count=count, dimension=dimension, memory_bytes=memory_bytes, recall_target=recall_target
    )


def test_few_vectors_are_all_looked_at() -> None:
    choice = chosen(20_000, 1 << 30)
    assert (choice.factory, choice.rescored, choice.training_vectors) == ("Flat", False, 0)
    assert choice.bytes_per_vector == 2048
    assert "20,000" in choice.why
    assert chosen(20_001, 1 << 30).factory != "Flat"


def test_less_memory_makes_smaller_codes() -> None:
    million = 1_000_000
    found = [chosen(million, int(gigabytes * 1e9)) for gigabytes in (3, 0.6, 0.2, 0.1)]
    assert [choice.factory for choice in found] == [
        "IVF4096,Flat",
        "IVF4096,SQ8",
        "IVF4096,PQ256x4fsr",
        "IVF4096,PQ128x4fsr",
    ]
    assert [choice.rescored for choice in found] == [False, True, True, True]
    sizes = [choice.bytes_per_vector for choice in found]
    assert sizes == sorted(sizes, reverse=True)


def test_the_recall_wanted_rules_out_codes_that_do_not_reach_it() -> None:
    assert "PQ" in chosen(1_000_000, 200_000_000, 0.97).factory
    with pytest.raises(UsageError, match=r"recall of 0\.99 fits 200 MB: the smallest, IVF4096,SQ8"):
        chosen(1_000_000, 200_000_000, 0.99)
    assert chosen(1_000_000, 10**10, 1.0).factory == "Flat"


def test_memory_that_nothing_fits_is_refused() -> None:
    with pytest.raises(UsageError, match=r"fits 10 MB: the smallest, .* takes .* MB\. Allow more"):
        chosen(1_000_000, 10_000_000)


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(1, 10**8),
    dimension=st.sampled_from([1, 3, 8, 64, 97, 512, 768]),
    memory_bytes=st.integers(1, 10**12),
    target=st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.9995, 1.0]),
)
def test_what_is_chosen_fits_and_can_be_trained(
    count: int, dimension: int, memory_bytes: int, target: float
) -> None:
    try:
        choice = choose_index(
            count=count, dimension=dimension, memory_bytes=memory_bytes, recall_target=target
        )
    except UsageError:
        return
    assert choice.bytes_per_vector * count <= memory_bytes
    assert choice.clusters <= max(choice.training_vectors, 0) <= count
    assert choice.why.endswith(".")


@pytest.mark.parametrize(
    ("count", "clusters"), [(1, 1), (100, 2), (50_000, 1024), (10**6, 4096), (10**10, 65_536)]
)
def test_clusters_grow_with_the_root_of_the_count(count: int, clusters: int) -> None:
    assert cluster_count(count) == clusters


def test_a_factory_string_is_taken_as_it_is() -> None:
    choice = a_choice("HNSW32", 1_000_000, 512)
    assert (choice.factory, choice.why) == ("HNSW32", "HNSW32 was asked for.")
    assert 2048 + 256 < choice.bytes_per_vector < 2048 + 256 + 64
    assert a_choice("IVF64,SQ8", 1000, 8).training_vectors == 1000


@pytest.mark.parametrize("factory", ["Flatt", "IVF,Flat", "", "IVF16,PQ7x4fsr"])
def test_a_factory_string_that_faiss_does_not_know_is_refused(factory: str) -> None:
    with pytest.raises(UsageError, match="FAISS cannot make an index"):
        a_choice(factory, 1000, 8)


@pytest.mark.parametrize("factory", ["IDMap,Flat", "IVF16,PQ4,RFlat", "NSG16"])
def test_a_kind_that_shards_cannot_have_is_refused(factory: str) -> None:
    with pytest.raises(UsageError, match="cannot be searched in shards"):
        a_choice(factory, 1000, 8)


def test_more_clusters_than_vectors_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"1,024 clusters, .* the 1,000 vectors .* Use 16 clusters"
    ):
        a_choice("IVF1024,Flat", 1000, 8)


def test_a_factory_string_has_to_fit_too() -> None:
    with pytest.raises(UsageError, match=r"Flat takes 32 kB for 1,000 vectors, and 31 kB"):
        choose_index(count=1000, dimension=8, memory_bytes=31_000, factory="Flat")


@pytest.mark.parametrize(
    ("count", "dimension", "target"), [(0, 8, 0.9), (8, 0, 0.9), (8, 8, 0), (8, 8, 1.1)]
)
def test_arguments_out_of_range_are_refused(count: int, dimension: int, target: float) -> None:
    with pytest.raises(UsageError):
        choose_index(count=count, dimension=dimension, memory_bytes=1 << 30, recall_target=target)


@pytest.mark.parametrize(
    "factory", ["Flat", "IVF16,Flat", "IVF16,SQ8", "IVF16,PQ16x4fsr", "IVF16,RaBitQ", "HNSW16"]
)
def test_the_memory_foretold_is_what_faiss_writes(tmp_path: Path, factory: str) -> None:
    vectors = clustered(8000, 64, seed=3)
    an_index(tmp_path, factory, vectors)
    written = (tmp_path / "shard-0" / INDEX).stat().st_size
    foretold = a_choice(factory, *vectors.shape).bytes_per_vector * len(vectors)
    assert 0.9 < foretold / written < 1.1


def test_faiss_prints_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Neither about few vectors for each cluster, nor where it reads and writes lists."""
    vectors = clustered(2000, 16, seed=3)
    an_index(tmp_path, "IVF256,SQ8", vectors, cuts=[1000])
    parts = [tmp_path / "shard-0", tmp_path / "shard-1"]
    merge_shards(trained_on("IVF256,SQ8", vectors), parts, tmp_path / "merged")
    opened(tmp_path, ["merged"], 16)
    assert capfd.readouterr() == ("", "")
