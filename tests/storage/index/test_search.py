"""What a search finds, compared with looking at every vector in numpy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import UsageError
from storage.index.build import build_shard
from storage.index.errors import VectorError
from storage.index.exact import exact_search, recall
from storage.index.search import Hit, best, search, search_rows
from storage.index.settings import SearchSettings
from storage.index.vectors import Vectors
from tests.storage.index.making import (
    EVERYTHING,
    Nearest,
    an_index,
    brute_force,
    clustered,
    in_batches,
    names,
    normalised,
    opened,
    overlap,
    trained_on,
)

# The recall that each kind has to reach; a tenth less of the effort reaches clearly less.
KINDS = [
    ("Flat", SearchSettings(), 1.0, None),
    ("IVF256,Flat", SearchSettings(nprobe=16), 0.97, SearchSettings(nprobe=1)),
    ("IVF256,SQ8", SearchSettings(nprobe=16, factor=2), 0.97, SearchSettings(nprobe=1)),
    ("IVF256,PQ32x4fsr", SearchSettings(nprobe=16, factor=8), 0.95, SearchSettings(nprobe=16)),
    ("IVF256,RaBitQ", SearchSettings(nprobe=16, factor=16), 0.95, SearchSettings(nprobe=16)),
]


@pytest.mark.parametrize(("factory", "enough", "reached", "little"), KINDS)
def test_recall_on_fifty_thousand_vectors(
    tmp_path: Path,
    base: Vectors,
    queries: Vectors,
    truth: Nearest,
    factory: str,
    enough: SearchSettings,
    reached: float,
    little: SearchSettings | None,
) -> None:
    index = an_index(tmp_path, factory, base, cuts=[20_000])
    scores, rows = search_rows(index, queries, 10, enough)
    found = overlap(rows, truth.rows[:, :10])
    assert found >= reached
    # Fewer are as sure to be found as the first of ten.
    assert (search_rows(index, queries, 1, enough)[1] == rows[:, :1]).all()
    # Scores are those of the pairs that they are said to be of.
    expected = np.einsum("qd,qkd->qk", queries, base[rows])
    assert np.abs(scores - expected).max() < 1e-6
    exact = exact_search(index, queries, 10)
    assert np.abs(exact[0] - truth.scores[:, :10]).max() < 1e-6
    assert overlap(exact[1], truth.rows[:, :10]) == 1.0
    assert recall(scores, exact[0], 10) == pytest.approx(found, abs=1e-3)
    if little is not None:
        assert (
            overlap(search_rows(index, queries, 10, little)[1], truth.rows[:, :10]) < found - 0.02
        )


def test_a_graph_finds_nearly_all(tmp_path: Path, base: Vectors, queries: Vectors) -> None:
    few = base[:8000]
    truth = brute_force(few, queries, 10)
    index = an_index(tmp_path, "HNSW16", few, cuts=[5000])
    good = search_rows(index, queries, 10, SearchSettings(ef_search=128))[1]
    poor = search_rows(index, queries, 10, SearchSettings(ef_search=10))[1]
    assert overlap(good, truth.rows) > 0.97
    assert overlap(poor, truth.rows) < overlap(good, truth.rows)


def test_hits_have_the_catalogs_ids(tmp_path: Path, base: Vectors, truth: Nearest) -> None:
    index = an_index(tmp_path, "Flat", base, cuts=[10, 30_000])
    hits = search(index, base[[3, 10, 49_999]], 4, SearchSettings())
    assert [some[0].id for some in hits] == [
        "picture-3", "picture-10", "picture-49999"
    ]  # fmt: skip
    for some in hits:
        assert len(some) == 4
        assert [hit.score for hit in some] == sorted((hit.score for hit in some), reverse=True)
        assert index.ids(np.array([hit.row for hit in some])) == [hit.id for hit in some]
        assert [hit.id for hit in some] == [f"picture-{hit.row}" for hit in some]


ALL_KINDS = [
    "Flat", "IVF8,Flat", "IVF8,SQ8", "IVF8,PQ8x4fsr", "IVF8,RaBitQ", "HNSW8", "RR16,IVF8,SQ8"
]  # fmt: skip


@pytest.mark.parametrize("factory", ALL_KINDS)
@pytest.mark.parametrize("cuts", [[], [5, 5, 200]])
def test_more_neighbours_than_vectors_gives_all_of_them(
    tmp_path: Path, factory: str, cuts: list[int]
) -> None:
    vectors = clustered(300, 16, seed=5)
    queries = clustered(20, 16, seed=6)
    index = an_index(tmp_path, factory, vectors, cuts=cuts)
    hits = search(index, queries, 400, EVERYTHING)
    truth = brute_force(vectors, queries, 300)
    if factory == "HNSW8":  # which need not reach every vector
        assert all(280 <= len(some) <= 300 for some in hits)
        return
    assert [len(some) for some in hits] == [300] * 20
    scores = np.array([[hit.score for hit in some] for some in hits])
    assert np.abs(scores - truth.scores).max() < 1e-6
    assert {hit.id for hit in hits[0]} == set(names(300))


def test_an_index_without_vectors_finds_nothing(tmp_path: Path) -> None:
    vectors = clustered(300, 16, seed=5)
    for factory in ("Flat", "IVF8,SQ8", "IVF8,PQ8x4fsr", "HNSW8"):
        build_shard(trained_on(factory, vectors), [], tmp_path / factory)
        index = opened(tmp_path, [factory], 16)
        assert len(index) == 0
        assert search(index, vectors[:2], 3, SearchSettings()) == [[], []]
        assert (exact_search(index, vectors[:2], 3)[1] == -1).all()
        assert index.find(["a"]) == {}


def test_no_queries_find_nothing(tmp_path: Path) -> None:
    index = an_index(tmp_path, "IVF8,SQ8", clustered(300, 16, seed=5))
    assert search(index, np.empty((0, 16), np.float32), 3, SearchSettings()) == []


def test_neighbours_of_like_score_come_by_id(tmp_path: Path) -> None:
    """Copies of one picture, in rows and shards that are not in the order of their ids."""
    one, other = clustered(2, 16, seed=5, clusters=2)
    ids = ["m", "c", "x", "a", "q", "b"]
    vectors = np.stack([one, one, other, one, one, one])
    trained = trained_on("Flat", vectors)
    build_shard(trained, [(ids[:3], vectors[:3])], tmp_path / "1")
    build_shard(trained, [(ids[3:], vectors[3:])], tmp_path / "2")
    index = opened(tmp_path, ["1", "2"], 16)
    for k in range(1, 7):
        (hits,) = search(index, one[None], k, EVERYTHING)
        assert [hit.id for hit in hits] == ["a", "b", "c", "m", "q", "x"][:k]
        assert [index.ids(np.array([hit.row])) for hit in hits] == [[hit.id] for hit in hits]


@settings(deadline=None, max_examples=60)
@given(data=st.data(), k=st.integers(1, 9), shuffled=st.permutations(range(12)))
def test_candidates_are_sorted_by_score_and_then_id(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    k: int,
    shuffled: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("index")
    vectors = clustered(12, 4, seed=1)
    ids = [f"{number:02}" for number in shuffled]
    build_shard(trained_on("Flat", vectors), [(ids, vectors)], folder / "s")
    index = opened(folder, ["s"], 4)
    width = data.draw(st.integers(0, 12))
    score = st.sampled_from([-np.inf, 0.25, 0.5, 0.75])
    scores = np.array(
        data.draw(
            st.lists(st.lists(score, min_size=width, max_size=width), min_size=1, max_size=4)
        ),
        np.float32,
    )
    rows = np.where(scores > -np.inf, np.arange(width), -1)
    found = best(index, scores, rows, k)
    for query in range(len(scores)):
        there = [at for at in range(width) if scores[query, at] > -np.inf]
        expected = sorted(there, key=lambda at: (-scores[query, at], ids[at]))[:k]
        missing = k - len(expected)
        assert found[1][query].tolist() == expected + [-1] * missing
        assert found[0][query].tolist() == [
            *(scores[query, at] for at in expected), *[-np.inf] * missing
        ]  # fmt: skip


def test_searching_together_and_alone_finds_the_same(tmp_path: Path, queries: Vectors) -> None:
    vectors = clustered(5000, 64, seed=5)
    index = an_index(tmp_path, "Flat", vectors, cuts=[1234])
    together = search(index, queries[:50], 5, SearchSettings())
    assert together == search(index, queries[:50], 5, SearchSettings())
    alone = [search(index, query[None], 5, SearchSettings())[0] for query in queries[:50]]
    assert together == alone


def test_scores_are_computed_from_the_stored_vectors(tmp_path: Path) -> None:
    vectors = clustered(2000, 64, seed=5)
    trained = trained_on("IVF8,SQ8", vectors)
    build_shard(trained, in_batches(names(2000), vectors), tmp_path / "s", stored_as="float16")
    index = opened(tmp_path, ["s"], 64)
    queries = clustered(50, 64, seed=6)
    scores, rows = search_rows(index, queries, 10, SearchSettings(nprobe=8, factor=4))
    stored = vectors[rows].astype(np.float16).astype(np.float64)
    assert np.abs(scores - np.einsum("qd,qkd->qk", queries, stored)).max() < 1e-6
    assert 1e-6 < np.abs(scores - np.einsum("qd,qkd->qk", queries, vectors[rows])).max() < 5e-4


def test_what_cannot_be_searched_for_is_refused(tmp_path: Path) -> None:
    index = an_index(tmp_path, "Flat", clustered(300, 16, seed=5))
    queries = clustered(3, 16, seed=6)
    with pytest.raises(UsageError, match="not 0"):
        search(index, queries, 0, SearchSettings())
    for value, reason in ((np.nan, "no numbers"), (0, "is zero"), (5, "the length 20")):
        queries[1] = value
        with pytest.raises(VectorError, match=f"query 1 .*{reason}"):
            search(index, queries, 3, SearchSettings())
    with pytest.raises(VectorError, match="query 0 has 8 dimensions, and the index 16"):
        search(index, normalised(np.ones((2, 8))), 3, SearchSettings())


@pytest.mark.parametrize("name", ["nprobe", "ef_search", "factor"])
def test_settings_below_one_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        SearchSettings(**{name: 0})


def test_recall_counts_what_is_as_near_as_the_last_neighbour() -> None:
    truth = np.array([[0.9, 0.5, 0.5], [0.9, -np.inf, -np.inf], [-np.inf] * 3], np.float32)
    found = np.array([[0.9, 0.5, 0.1], [0.8, -np.inf, -np.inf], [-np.inf] * 3], np.float32)
    assert recall(truth, truth, 3) == 1.0
    assert recall(found, truth, 1) == 0.5
    assert recall(found, truth, 2) == 0.5
    assert recall(found, truth, 3) == pytest.approx((2 / 3 + 0) / 2)
    assert recall(found[2:], truth[2:], 3) == 1.0


def test_a_hit_is_a_plain_tuple() -> None:
    assert Hit("a", 0.5, 3) == ("a", 0.5, 3)
