"""Retrieval by the command line, against brute force over the vectors that were embedded."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from easy_vqa import (
    get_test_image_paths,
    get_test_questions,
    get_train_image_paths,
    get_train_questions,
)
from numpy.typing import NDArray

from pipelines.cli import run
from tests.end_to_end.conftest import read_table
from tests.oracles.neighbor_filters import Document, pick
from training.pictures import looks_told

COLORS = ("red", "green", "blue", "black", "gray", "teal", "brown", "yellow")
SHAPES = ("circle", "triangle", "rectangle")
TEXTS = {f"{color}-{shape}": f"a {color} {shape}" for color in COLORS for shape in SHAPES}


def write_texts(path: Path, texts: dict[str, str]) -> Path:
    table = pa.table({"id": list(texts), "text": list(texts.values())})
    pq.write_table(table, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of 24 texts, and the catalog that it was made of."""
    folder = tmp_path_factory.mktemp("retrieval")
    catalog = write_texts(folder / "texts.parquet", TEXTS)
    assert run(["embed", str(catalog), str(folder / "out"), "--json", "--of", "text"]) == 0
    assert run(["index", str(folder / "out"), str(folder / "index"), "--json"]) == 0
    return folder


def retrieve(
    folder: Path, out: Path, *options: str, queries: Path | None = None, index: Path | None = None
) -> dict[str, Any]:
    catalog, index = queries or folder / "texts.parquet", index or folder / "index"
    command = ["neighbors", str(catalog), str(index), str(out), "--of", "text", "--json"]
    assert run([*command, *options]) == 0
    return {row["asset_id"]: row for row in read_table(out, "neighbors")}


def vectors(folder: Path) -> dict[str, NDArray[np.float32]]:
    rows = read_table(folder / "out", "embeddings")
    return {row["asset_id"]: np.array(row["vector"], np.float32) for row in rows}


def ranked(folder: Path, query: str) -> list[Document]:
    """All documents, by their score for one of them."""
    known = vectors(folder)
    documents = [
        Document(name, float(known[query] @ vector), tuple(map(float, vector)), "text")
        for name, vector in known.items()
    ]
    return sorted(documents, key=lambda one: (-one.score, one.id))


def picked(folder: Path, query: str, **options: Any) -> list[str]:
    plain = {"min_score": None, "max_similarity": None, "prefer_both": False, "drop_self": True}
    vector = tuple(map(float, vectors(folder)[query]))
    return [one.id for one in pick(query, vector, ranked(folder, query), **{**plain, **options})]


def test_neighbours_are_those_of_brute_force_and_never_the_row_itself(
    folder: Path, tmp_path: Path
) -> None:
    found = retrieve(folder, tmp_path / "out", "--k", "5")
    assert set(found) == set(TEXTS)
    for name, row in found.items():
        assert row["neighbor_ids"] == picked(folder, name, k=5)
        scores = [one.score for one in ranked(folder, name) if one.id != name][:5]
        np.testing.assert_allclose(row["scores"], scores, atol=2e-3)
        assert row["query_modality"] == "text"
    assert [row["index_version"] for row in found.values()] == [1] * 24


@pytest.mark.parametrize(
    "names", [["max_similarity"], ["min_score"], ["max_similarity", "min_score"]]
)
def test_filters_are_those_of_the_paper(names: list[str], folder: Path, tmp_path: Path) -> None:
    # Between what is near and what is not, whatever the model: the filters have to bite.
    near = [one.score for name in TEXTS for one in ranked(folder, name) if one.id != name]
    bounds = {"max_similarity": np.quantile(near, 0.95), "min_score": np.quantile(near, 0.9)}
    settings = {name: round(float(bounds[name]), 3) for name in names}
    options = [part for name in names for part in (f"--{name.replace('_', '-')}", settings[name])]
    found = retrieve(folder, tmp_path / "out", "--k", "3", *map(str, options))
    expected = {name: picked(folder, name, k=3, **settings) for name in TEXTS}
    assert {name: row["neighbor_ids"] for name, row in found.items()} == expected
    assert expected != {name: picked(folder, name, k=3) for name in TEXTS}


def test_more_neighbours_than_there_are(folder: Path, tmp_path: Path) -> None:
    found = retrieve(folder, tmp_path / "out", "--k", "100")
    assert {len(row["neighbor_ids"]) for row in found.values()} == {23}


def test_counts_drawn_and_words_dropped_are_the_same_each_time(
    folder: Path, tmp_path: Path
) -> None:
    options = ["--draw-count", "--query-dropout", "0.4"]
    first = retrieve(folder, tmp_path / "one", *options)
    second = retrieve(folder, tmp_path / "two", *options)
    ids = {name: row["neighbor_ids"] for name, row in first.items()}
    assert ids == {name: row["neighbor_ids"] for name, row in second.items()}
    assert {len(some) for some in ids.values()} == {0, 1, 2}
    plain = retrieve(folder, tmp_path / "plain", "--draw-count")
    assert ids != {name: row["neighbor_ids"] for name, row in plain.items()}
    # What is written is the text as it was.
    assert {name: row["text"] for name, row in first.items()} == TEXTS


def test_what_is_drawn_is_the_same_with_another_index_of_the_same_vectors(
    folder: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    assert run(["index", str(folder / "out"), str(index), "--json"]) == 0
    options = ["--draw-count", "--query-dropout", "0.4"]
    first = retrieve(folder, tmp_path / "out", *options)
    # Another index: all rows are done anew, in the same output too.
    retrieve(folder, tmp_path / "out", *options, index=index)
    rows = read_table(tmp_path / "out", "neighbors")
    assert len(rows) == 2 * len(TEXTS)
    assert len({row["key"] for row in rows}) == len(rows)
    for row in rows:
        assert row["neighbor_ids"] == first[row["asset_id"]]["neighbor_ids"]
        np.testing.assert_allclose(row["scores"], first[row["asset_id"]]["scores"], atol=1e-6)


def test_only_new_queries_are_done(folder: Path, tmp_path: Path) -> None:
    queries = write_texts(tmp_path / "queries.parquet", {"q": "a red circle"})
    out = tmp_path / "out"
    row = retrieve(folder, out, "--k", "1", queries=queries)["q"]
    assert row["neighbor_ids"] == ["red-circle"]
    write_texts(queries, {"q": "a red circle", "r": "a blue circle"})
    retrieve(folder, out, "--k", "1", queries=queries)
    runs = [json.loads(path.read_text()) for path in (out / "_runs").iterdir()]
    assert {run["commit"]: run["counts"]["skipped"] for run in runs} == {1: 0, 2: 1}


def test_queries_of_another_model_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.models.checkpoints.dual_encoders import DUAL_ENCODERS

    DUAL_ENCODERS["clip"](str(tmp_path / "clip"))
    catalog, index = folder / "texts.parquet", folder / "index"
    command = ["neighbors", str(catalog), str(index), str(tmp_path / "out")]
    assert run([*command, "--model", str(tmp_path / "clip")]) == 1
    said = capsys.readouterr().err
    assert "The index holds vectors of calumma-clip at revision" in said
    assert not (tmp_path / "out" / "neighbors").exists()
    assert run(["neighbors", str(catalog), str(tmp_path), str(tmp_path / "out")]) == 2
    assert "is no index. Build one: calumma index" in capsys.readouterr().err


def test_search_on_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", str(folder / "index"), "a red circle", "--k", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[:3] == ["1", "1.000", "red-circle"]
    assert run(["search", str(folder / "index"), "a red circle", "--k", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["asset"]["asset_id"] for one in found] == [line.split()[2] for line in lines]
    assert run(["search", str(folder / "index"), "a red circle", "--k", "0"]) == 2
    assert "--k must be at least 1, not 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "a red circle " * 100,
        "~nobody has a red circle",
        "~nobody",
        "a red circle that says http://circles",
        "a red\x00circle",
    ],
    ids=["long", "tilde", "tilde alone", "address", "zero"],
)
def test_a_text_is_searched_for_as_a_text(
    text: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["search", str(folder / "index"), text, "--k", "1", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["asset"]["asset_id"] in TEXTS


def test_search_by_a_picture(
    folder: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = next(iter(sorted(pictures.iterdir())))
    page = folder / "near.html"
    command = ["search", str(folder / "index"), str(picture), "--k", "1", "--to", str(page)]
    assert run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[2] in TEXTS
    assert lines[1] == f"Open the page: {page}"
    # The query is shown; what was found are texts of a catalog that names no pictures.
    assert page.read_text().count("data:image/jpeg") == 1
    assert page.read_text().count("The catalog names no picture.") == 1
    broken = folder / "broken.png"
    broken.write_bytes(b"no picture")
    assert run(["search", str(folder / "index"), str(broken)]) == 2
    assert "cannot be searched for" in capsys.readouterr().err


def test_pictures_and_texts_averaged_and_documents_with_both_first(
    pictures: Path, tmp_path: Path
) -> None:
    paths, texts = sorted(map(str, pictures.glob("*.png"))), list(TEXTS.values())
    rows: list[dict[str, str | None]] = [
        {"id": f"both-{at}", "uri": paths[at], "text": texts[at]} for at in range(12)
    ]
    rows += [{"id": f"picture-{at}", "uri": paths[at], "text": None} for at in range(12, 20)]
    rows += [{"id": f"text-{at}", "uri": None, "text": texts[at]} for at in range(12, 20)]
    catalog, out, index = (str(tmp_path / name) for name in ("c.parquet", "out", "index"))
    pq.write_table(pa.Table.from_pylist(rows), catalog)
    assert run(["embed", catalog, out, "--json"]) == 0
    assert run(["index", out, index, "--json"]) == 0
    embedded = read_table(Path(out), "embeddings")
    ids = np.array([row["asset_id"] for row in embedded])
    modalities = np.array([row["modality"] for row in embedded])
    matrix = np.array([row["vector"] for row in embedded], np.float32)
    scores = matrix @ matrix.T
    expected: dict[str, dict[str, list[str]]] = {"plain": {}, "--prefer-both": {}}
    for at, name in enumerate(ids.tolist()):
        # The row itself is one of the candidates.
        candidates = np.argsort(-scores[at], kind="stable")[:14]
        ranked = candidates[candidates != at]
        both = modalities[ranked] == "both"
        expected["plain"][name] = ids[ranked][:3].tolist()
        preferred = np.concatenate([ranked[both], ranked[~both]])
        expected["--prefer-both"][name] = ids[preferred][:3].tolist()
    for way, wanted in expected.items():
        to = tmp_path / way.strip("-")
        options = ["--k", "3", "--candidates", "14", "--json", *([] if way == "plain" else [way])]
        assert run(["neighbors", catalog, index, str(to), *options]) == 0
        found = {row["asset_id"]: row for row in read_table(to, "neighbors")}
        assert {name: row["neighbor_ids"] for name, row in found.items()} == wanted
        for at, name in enumerate(ids.tolist()):
            near = [int(np.flatnonzero(ids == one)[0]) for one in wanted[name]]
            np.testing.assert_allclose(found[name]["scores"], scores[at, near], atol=1e-4)
            assert found[name]["query_modality"] == modalities[at]
    assert set(modalities) == {"both", "image", "text"}
    # The preference has to bite.
    assert {one.partition("-")[0] for some in expected["plain"].values() for one in some} == {
        "both",
        "picture",
        "text",
    }
    assert expected["plain"] != expected["--prefer-both"]


def test_neighbours_of_a_picture_share_its_looks(tmp_path: Path) -> None:
    known = looks_told(zip(*get_train_questions(), strict=True))
    asked = looks_told(zip(*get_test_questions(), strict=True))
    for folder, paths, numbers in (
        ("train", get_train_image_paths(), list(known)[:600]),
        ("test", get_test_image_paths(), list(asked)[:100]),
    ):
        (tmp_path / folder).mkdir()
        for number in numbers:
            (tmp_path / folder / f"{number}.png").symlink_to(paths[number])
    out, index, found = (str(tmp_path / name) for name in ("out", "index", "found"))
    assert run(["embed", str(tmp_path / "train"), out, "--json", "--of", "image"]) == 0
    assert run(["index", out, index, "--json"]) == 0
    queries = str(tmp_path / "test")
    assert run(["neighbors", queries, index, found, "--json", "--of", "image", "--k", "3"]) == 0
    pairs = [
        (asked[int(row["asset_id"].removesuffix(".png"))], known[int(one.removesuffix(".png"))])
        for row in read_table(Path(found), "neighbors")
        for one in row["neighbor_ids"]
    ]
    assert len(pairs) == 300
    # By chance an eighth share the colour, a third the shape.
    assert np.mean([query[0] == neighbor[0] for query, neighbor in pairs]) > 0.9
    assert np.mean([query[1] == neighbor[1] for query, neighbor in pairs]) > 0.8
