"""Retrieval among fifty thousand documents: filters by brute force, dropped words by their chances.

Vectors and queries are the embedded dual encoder's, so each command runs whole.
"""

import itertools
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chisquare

from models.embedding import Embedded, EmbedRequest, load_embedder
from models.source import DEFAULT_ENCODER, resolve_encoder
from pipelines.cli import run
from tests.end_to_end.conftest import read_table
from tests.end_to_end.embedded import write_embeddings
from tests.end_to_end.test_neighbors import TEXTS, retrieve, write_texts
from tests.oracles.neighbor_filters import Document, pick
from tests.oracles.query_dropout import chances_of_what_is_left

Vectors = NDArray[np.float32]

COUNT, CANDIDATES, K = 50_000, 300, 5
PLAIN: dict[str, Any] = {
    "min_score": None, "max_similarity": None, "prefer_both": False, "drop_self": True
}  # fmt: skip


def embedded(texts: list[str]) -> Vectors:
    model = load_embedder(resolve_encoder(DEFAULT_ENCODER), device="cpu")
    found = model.embed(model.encode([EmbedRequest(pixels=None, text=text) for text in texts]))
    return np.stack([cast("Embedded", one).vector for one in found])


def index_of(folder: Path, ids: list[str], vectors: Vectors, modalities: list[str]) -> None:
    source = resolve_encoder(DEFAULT_ENCODER)
    write_embeddings(
        folder / "out",
        ids,
        vectors,
        model=source.name,
        revision=source.revision,
        of="both",
        modalities=modalities,
        rows_per_part=10_000,
    )


@pytest.fixture(scope="module")
def queries() -> Vectors:
    return embedded(list(TEXTS.values()))


@pytest.fixture(scope="module")
def documents(queries: Vectors) -> tuple[list[str], Vectors, list[str]]:
    """The queries themselves and what lies around them, near and far."""
    draw = np.random.default_rng(5)
    around = queries[draw.integers(len(queries), size=COUNT - len(queries))]
    spread = draw.uniform(0.01, 0.15, size=(len(around), 1))
    vectors = np.concatenate([queries, around + spread * draw.normal(size=around.shape)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [*TEXTS, *(f"d{number}" for number in range(len(around)))]
    return ids, vectors.astype(np.float32), draw.choice(["image", "text", "both"], COUNT).tolist()


@pytest.fixture(scope="module")
def folder(
    documents: tuple[list[str], Vectors, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("many")
    write_texts(folder / "texts.parquet", TEXTS)
    index_of(folder, *documents)
    command = ["index", str(folder / "out"), str(folder / "index"), "--factory", "Flat"]
    assert run([*command, "--json"]) == 0
    return folder


@pytest.fixture(scope="module")
def ranked(
    queries: Vectors, documents: tuple[list[str], Vectors, list[str]]
) -> dict[str, list[Document]]:
    """The candidates of each query, by brute force in numpy over all documents."""
    ids, vectors, modalities = documents
    scores = queries @ vectors.T
    return {
        name: [
            Document(ids[at], float(row[at]), tuple(map(float, vectors[at])), modalities[at])
            for at in np.argsort(-row, kind="stable")[:CANDIDATES].tolist()
        ]
        for name, row in zip(TEXTS, scores, strict=True)
    }


SETTINGS = [
    {},
    {"max_similarity": 0.9},
    {"min_score": 0.998},
    {"prefer_both": True},
    {"max_similarity": 0.97, "min_score": 0.95, "prefer_both": True},
]


def options_of(settings: dict[str, Any]) -> list[str]:
    options = ["--k", str(K), "--candidates", str(CANDIDATES)]
    for name, value in settings.items():
        options += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return options


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings) or "none")
def test_what_is_kept_is_what_brute_force_and_the_paper_keep(
    settings: dict[str, Any],
    folder: Path,
    queries: Vectors,
    ranked: dict[str, list[Document]],
    tmp_path: Path,
) -> None:
    by_query = dict(zip(TEXTS, queries, strict=True))
    wanted = {
        name: pick(name, tuple(map(float, by_query[name])), some, k=K, **{**PLAIN, **settings})
        for name, some in ranked.items()
    }
    found = retrieve(folder, tmp_path / "out", *options_of(settings))
    assert {name: row["neighbor_ids"] for name, row in found.items()} == {
        name: [one.id for one in some] for name, some in wanted.items()
    }
    for name, row in found.items():
        scores = [one.score for one in wanted[name]]
        np.testing.assert_allclose(row["scores"], scores, atol=1e-6)
    plain = {name: [one.id for one in some[: K + 1]] for name, some in ranked.items()}
    bites = [[one.id for one in some] != [*plain[name][1:]] for name, some in wanted.items()]
    assert any(bites) == bool(settings)


def test_words_are_dropped_with_the_chances_of_the_paper(tmp_path: Path) -> None:
    """An index of all that may be left of a text tells what was left of it in each row."""
    words, share, rows = ("big", "red", "left", "circle"), Fraction(3, 8), 1600
    left = [
        " ".join(some)
        for number in range(1, len(words) + 1)
        for some in itertools.combinations(words, number)
    ]
    index_of(tmp_path, left, embedded(left), ["text"] * len(left))
    assert run(["index", str(tmp_path / "out"), str(tmp_path / "index"), "--json"]) == 0
    catalog = {f"row-{number}": " ".join(words) for number in range(rows)}
    queries = write_texts(tmp_path / "queries.parquet", catalog)
    options = ["--k", "1", "--query-dropout", str(float(share))]
    found = retrieve(tmp_path, tmp_path / "near", *options, queries=queries)
    drawn = Counter(name for row in found.values() for name in row["neighbor_ids"])
    chances = chances_of_what_is_left(words, share)
    assert sum(chances.values()) == 1
    assert set(drawn) == {" ".join(some) for some in chances}
    counts = [drawn[" ".join(some)] for some in chances]
    expected = [rows * float(chance) for chance in chances.values()]
    assert chisquare(counts, expected).pvalue > 0.001
    assert read_table(tmp_path / "near", "neighbors")[0]["text"] == " ".join(words)
