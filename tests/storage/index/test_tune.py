"""Tuning and measuring: the target is reached, at the least cost, the same each time."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import UsageError
from storage.index.build import build_shard
from storage.index.measure import measure_card
from storage.index.search import search_rows
from storage.index.settings import SearchSettings
from storage.index.shard import INDEX
from storage.index.tune import tune
from storage.index.vectors import Vectors
from tests.storage.index.making import (
    Nearest,
    an_index,
    brute_force,
    clustered,
    in_batches,
    names,
    opened,
    overlap,
    trained_on,
)

TUNED = ["IVF256,Flat", "IVF256,PQ32x4fsr", "RR64,IVF256,SQ8"]


@pytest.mark.parametrize("factory", TUNED)
def test_the_target_is_reached_and_no_cheaper_step_reaches_it(
    tmp_path: Path, base: Vectors, queries: Vectors, truth: Nearest, factory: str
) -> None:
    index = an_index(tmp_path, factory, base)
    last = None
    for target in (0.8, 0.95):
        tuned = tune(index, queries, target=target)
        assert tuned.reached
        settings = tuned.settings
        found = overlap(search_rows(index, queries, 10, settings)[1], truth.rows[:, :10])
        assert found == pytest.approx(tuned.recall, abs=1e-3)
        assert target <= tuned.recall
        if settings.nprobe > 1:
            fewer = SearchSettings(nprobe=settings.nprobe // 2, factor=settings.factor)
            less = overlap(search_rows(index, queries, 10, fewer)[1], truth.rows[:, :10])
            assert less < target
        assert last is None or tuned.cost > last.cost
        assert tuned == tune(index, queries, target=target)
        last = tuned
    if "PQ" in factory:
        assert tuned.settings.factor > 1
    if factory == "IVF256,Flat":
        assert tuned.settings.factor == 1


@pytest.mark.parametrize("dimension", [16, 128, 512])
def test_other_queries_find_what_was_asked_for(tmp_path: Path, dimension: int) -> None:
    """Within three standard errors of the two samples of queries; told by numpy."""
    vectors = clustered(6_000, dimension, seed=1)
    held_out, others = (clustered(400, dimension, seed=seed) for seed in (2, 3))
    true = brute_force(vectors, others, 10).rows
    for codes in ("Flat", "SQ8", f"PQ{dimension // 2}x4fsr", f"PQ{dimension // 4}x4fsr"):
        factory = f"IVF64,{codes}"
        index = an_index(tmp_path, factory, vectors, name=factory)
        tuned = tune(index, held_out, target=0.95)
        assert tuned.reached, factory
        found = search_rows(index, others, 10, tuned.settings)[1]
        shares = [overlap(found[at : at + 1], true[at : at + 1]) for at in range(len(others))]
        error = (2 / len(others)) ** 0.5 * float(np.std(shares))
        assert np.mean(shares) >= 0.95 - 3 * error, factory


def test_a_graph_and_a_flat_index_are_tuned_too(tmp_path: Path, base: Vectors) -> None:
    queries = clustered(200, 64, seed=9)
    graph = an_index(tmp_path, "HNSW16", base[:4000], name="graph")
    easy, hard = (tune(graph, queries, target=target) for target in (0.7, 0.99))
    assert easy.reached
    assert hard.reached
    assert easy.settings.ef_search < hard.settings.ef_search
    flat = tune(an_index(tmp_path, "Flat", base[:4000], name="flat"), queries, target=1.0)
    assert (flat.settings, flat.recall, flat.reached) == (SearchSettings(), 1.0, True)


def test_a_target_out_of_reach_says_so(tmp_path: Path) -> None:
    """Codes of four bits for 64 dimensions, and more alike vectors than any factor scores."""
    vectors = clustered(20_000, 64, seed=3, clusters=2)
    index = an_index(tmp_path, "IVF4,PQ1x4", vectors)
    tuned = tune(index, clustered(100, 64, seed=4, clusters=2), target=1.0)
    assert not tuned.reached
    assert tuned.recall < 1.0
    assert tuned.settings == SearchSettings(nprobe=4, factor=64)


@pytest.mark.parametrize("target", [0, 1.01])
def test_a_target_out_of_range_is_refused(tmp_path: Path, target: float) -> None:
    index = an_index(tmp_path, "Flat", clustered(100, 16, seed=5))
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        tune(index, clustered(5, 16, seed=6), target=target)


def test_no_queries_are_refused(tmp_path: Path) -> None:
    index = an_index(tmp_path, "Flat", clustered(100, 16, seed=5))
    with pytest.raises(UsageError, match="held-out queries"):
        tune(index, np.empty((0, 16), np.float32), target=0.9)
    with pytest.raises(UsageError, match="held-out queries"):
        measure_card(
            index,
            np.empty((0, 16), np.float32),
            factory="Flat",
            why="It is small.",
            settings=SearchSettings(),
            target=0.9,
        )


def test_the_card_says_what_was_measured(
    tmp_path: Path, base: Vectors, queries: Vectors, truth: Nearest
) -> None:
    index = an_index(tmp_path, "IVF256,SQ8", base, cuts=[25_000])
    settings = SearchSettings(nprobe=4, factor=2)
    ticks = itertools.count(step=2)
    card = measure_card(
        index,
        queries,
        factory="IVF256,SQ8",
        why="It was asked for.",
        settings=settings,
        target=0.9,
        clock=lambda: next(ticks),
    )
    assert (card.kind, card.factory, card.why) == ("ivf", "IVF256,SQ8", "It was asked for.")
    assert (card.count, card.dimension, card.queries) == (50_000, 64, 500)
    assert (card.model, card.revision, card.modality) == ("clip", "abc", "image")
    assert (card.settings, card.target) == (settings, 0.9)
    assert card.milliseconds_per_query == 1000 * 2 / 500
    for k in (1, 10, 100):
        rows = search_rows(index, queries, k, settings)[1]
        assert card.recall[k] == pytest.approx(overlap(rows, truth.rows[:, :k]), abs=1e-3)
    files = [tmp_path / f"shard-{n}" / INDEX for n in range(2)]
    assert card.bytes_per_vector == sum(file.stat().st_size for file in files) / 50_000
    assert 64 * 4 + 8 + 9 < card.stored_bytes_per_vector < 64 * 4 + 8 + 14


def test_a_tenth_added_later_is_found_as_if_it_had_been_there(
    tmp_path: Path, base: Vectors, queries: Vectors, truth: Nearest
) -> None:
    """The index is trained before the last tenth is there."""
    old = base[:45_000]
    for name, factory in (("lists", "IVF256,SQ8"), ("fast", "IVF256,PQ32x4fsr")):
        settings = SearchSettings(nprobe=16, factor=8)
        fresh = an_index(tmp_path, factory, base, name=f"{name}-fresh")
        trained = trained_on(factory, old)
        for shard, start, end in (("old", 0, 45_000), ("new", 45_000, 50_000)):
            some = in_batches(names(end - start, start), base[start:end])
            build_shard(trained, some, tmp_path / f"{name}-{shard}", stored_as="float32")
        added = opened(tmp_path, [f"{name}-old", f"{name}-new"], 64)
        recalls = [
            overlap(search_rows(index, queries, 10, settings)[1], truth.rows[:, :10])
            for index in (fresh, added)
        ]
        assert recalls[1] > recalls[0] - 0.01
        assert recalls[0] > 0.9
