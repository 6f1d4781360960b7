"""The embedding job by the command line: vectors in Parquet, and what has none."""

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.embedding import Embedded, EmbedRequest, load_embedder
from models.source import DEFAULT_ENCODER, resolve_encoder
from pipelines.cli import run


@pytest.fixture(scope="module")
def catalog(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten rows: with picture and text, with one of them, with none, with one that is not there."""
    paths = sorted(map(str, pictures.glob("*.png")))
    rows: list[dict[str, str | None]]
    rows = [{"id": f"both-{n}", "uri": paths[n], "text": f"a red circle {n}"} for n in range(5)]
    rows += [{"id": "picture", "uri": paths[5], "text": None}]
    rows += [{"id": "text", "uri": None, "text": "a blue triangle"}]
    rows += [{"id": "long", "uri": None, "text": "a blue triangle " * 40}]
    rows += [{"id": "nothing", "uri": None, "text": None}]
    rows += [{"id": "gone", "uri": str(pictures / "gone.png"), "text": "a red circle"}]
    path = tmp_path_factory.mktemp("embedding") / "catalog.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def embed(catalog: Path, out: Path, *options: str) -> dict[str, dict[str, Any]]:
    assert run(["embed", str(catalog), str(out), "--json", *options]) == 0
    found: dict[str, dict[str, Any]] = {}
    for table in ("embeddings", "failures"):
        if (out / table).exists():
            for row in pq.read_table(out / table, partitioning=None).to_pylist():
                assert row["asset_id"] not in found
                found[row["asset_id"]] = row
    return found


def expected(row: dict[str, Any]) -> NDArray[np.float32]:
    model = load_embedder(resolve_encoder(DEFAULT_ENCODER), device="cpu")
    pixels = np.asarray(Image.open(row["uri"]).convert("RGB")) if row["uri"] else None
    (found,) = model.embed(model.encode([EmbedRequest(pixels=pixels, text=row["text"])]))
    assert isinstance(found, Embedded)
    return found.vector


def test_picture_and_text_averaged(catalog: Path, tmp_path: Path) -> None:
    found = embed(catalog, tmp_path / "out", "--max-failure-rate", "1")
    modality = {name: row.get("modality", row.get("kind")) for name, row in found.items()}
    assert modality == {
        **{f"both-{number}": "both" for number in range(5)},
        "picture": "image",
        "text": "text",
        "long": "text",
        "nothing": "invalid_row",
        "gone": "not_found",
    }
    assert [name for name, row in found.items() if row.get("text_cut")] == ["long"]
    for name in ("both-0", "picture", "text", "long"):
        np.testing.assert_allclose(found[name]["vector"], expected(found[name]), atol=1e-4)


def test_pictures_alone(catalog: Path, tmp_path: Path) -> None:
    found = embed(catalog, tmp_path / "out", "--of", "image", "--max-failure-rate", "1")
    assert {row["modality"] for row in found.values() if "modality" in row} == {"image"}
    failed = {name for name, row in found.items() if "kind" in row}
    assert failed == {"text", "long", "nothing", "gone"}
    same = embed(catalog, tmp_path / "both", "--max-failure-rate", "1")["picture"]
    np.testing.assert_allclose(found["picture"]["vector"], same["vector"], atol=1e-4)


def test_texts_alone_need_no_pictures(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b", "c"], "text": ["a red circle", "a blue circle", ""]})
    for name in ("texts.parquet", "texts.jsonl"):
        catalog = tmp_path / name
        if name.endswith(".parquet"):
            pq.write_table(table, catalog)
        else:
            catalog.write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
        found = embed(catalog, tmp_path / f"out-{name}", "--of", "text", "--max-failure-rate", "1")
        assert {name: row.get("modality") for name, row in found.items()} == {
            "a": "text",
            "b": "text",
            "c": None,
        }
        assert found["a"]["sha256"] == ""


def test_texts_alone_open_no_picture(catalog: Path, tmp_path: Path) -> None:
    found = embed(catalog, tmp_path / "out", "--of", "text", "--max-failure-rate", "1")
    assert found["gone"]["modality"] == "text"
    assert {name for name, row in found.items() if "kind" in row} == {"picture", "nothing"}


def test_half_precision_halves_the_bytes_and_others_read_it(catalog: Path, tmp_path: Path) -> None:
    whole = embed(catalog, tmp_path / "whole", "--max-failure-rate", "1")
    half = embed(catalog, tmp_path / "half", "--max-failure-rate", "1", "--vectors", "float16")
    for name, row in half.items():
        if "vector" in row:
            np.testing.assert_allclose(row["vector"], whole[name]["vector"], atol=1e-3)
    glob = tmp_path / "half" / "embeddings" / "**" / "*.parquet"
    query = f"select vector from '{glob}' where asset_id = 'text'"
    read = duckdb.connect().execute(query).fetchone()
    assert read is not None
    np.testing.assert_allclose(read[0], half["text"]["vector"], atol=1e-6)


def test_what_is_embedded_is_not_embedded_again(catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    embed(catalog, out, "--max-failure-rate", "1")
    assert run(["embed", str(catalog), str(out), "--json", "--max-failure-rate", "1"]) == 0
    manifests = [json.loads(path.read_text()) for path in (out / "_runs").glob("*.json")]
    counts = {manifest["commit"]: manifest["counts"] for manifest in manifests}
    assert counts[2] == {"rows_in": 10, "rows_out": 0, "failed": 0, "skipped": 10}
    other = embed(catalog, tmp_path / "other", "--of", "image", "--max-failure-rate", "1")
    assert other["both-0"]["key"] != embed(catalog, tmp_path / "b")["both-0"]["key"]


def test_the_page_of_an_output_with_vectors_alone(catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    embed(catalog, out, "--max-failure-rate", "1")
    assert run(["report", str(out)]) == 0
    page = (out / "report.html").read_text()
    assert "calumma-clip" in page
    assert "not_found" in page
    assert run(["runs", str(out)]) == 0


def test_a_model_that_describes_cannot_embed(
    catalog: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["embed", str(catalog), str(tmp_path / "out"), "--model", "calumma-tiny"]) == 1
    assert "does not embed pictures and texts in one space" in capsys.readouterr().err
