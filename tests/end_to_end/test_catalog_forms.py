"""The same pictures in every form of catalog give the same captions."""

import csv
import json
import tarfile
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.cli import run
from tests.end_to_end.conftest import RunJson, described, read_table, write_parquet


def names_of(pictures: Path) -> list[str]:
    return sorted(path.name for path in pictures.iterdir())


def as_parquet_with_bytes(pictures: Path, folder: Path) -> Path:
    names = names_of(pictures)
    data = [(pictures / name).read_bytes() for name in names]
    return write_parquet(folder / "bytes.parquet", {"id": names, "image": data})


def as_datasets_export(pictures: Path, folder: Path) -> Path:
    images = [
        {"bytes": (pictures / name).read_bytes(), "path": name} for name in names_of(pictures)
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {
        "image": pa.array(images, kind),
        "id": names_of(pictures),
        "label": [7] * len(images),
    }
    return write_parquet(folder / "train-00000-of-00001.parquet", columns)


def as_csv(pictures: Path, folder: Path) -> Path:
    path = folder / "catalog.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "url", "mood"])
        writer.writerows([name, str(pictures / name), "calm"] for name in names_of(pictures))
    return path


def as_json_lines(pictures: Path, folder: Path) -> Path:
    path = folder / "catalog.jsonl"
    rows = [{"key": name, "path": str(pictures / name)} for name in names_of(pictures)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_tar(pictures: Path, folder: Path) -> Path:
    path = folder / "shard-000000.tar"
    with tarfile.open(path, "w") as archive:
        for name in names_of(pictures):
            archive.add(pictures / name, name)
    return path


@pytest.mark.parametrize(
    "form", [as_parquet_with_bytes, as_datasets_export, as_csv, as_json_lines, as_tar]
)
def test_every_form_gives_the_folder_s_captions(
    form: object, pictures: Path, captions: Path, tmp_path: Path, run_json: RunJson
) -> None:
    catalog = form(pictures, tmp_path)  # type: ignore[operator]
    out = tmp_path / "out"
    manifest = run_json("caption", catalog, out)
    assert manifest["counts"]["rows_out"] == 40
    expected = [(name.removesuffix(".png"), *rest) for name, *rest in described(captions)]
    assert [(name.removesuffix(".png"), *rest) for name, *rest in described(out)] == expected


def test_other_columns_come_out_as_attributes(
    pictures: Path, tmp_path: Path, run_json: RunJson
) -> None:
    run_json("caption", as_csv(pictures, tmp_path), tmp_path / "out", "--limit", 2)
    rows = read_table(tmp_path / "out", "captions")
    assert [json.loads(row["attributes"]) for row in rows] == [{"mood": "calm"}] * 2


def test_coco_annotations_are_a_catalog(
    pictures: Path, captions: Path, tmp_path: Path, run_json: RunJson
) -> None:
    names = names_of(pictures)[:3]
    content = {
        "images": [
            {"id": number, "file_name": name, "width": 64, "height": 64, "license": 1}
            for number, name in enumerate(names)
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [3, 4, 10, 10]},
            {"id": 2, "image_id": 1, "caption": "a shape"},
            {"id": 3, "image_id": 77, "category_id": 1, "bbox": [3, 4, 10, 10]},
        ],
        "categories": [{"id": 1, "name": "circle"}],
        "licenses": [{"id": 1, "name": "CC0"}],
    }
    catalog = tmp_path / "instances.json"
    catalog.write_text(json.dumps(content))
    out = tmp_path / "out"
    command = ["caption", catalog, out, "--pictures", pictures, "--max-failure-rate", 1]
    manifest = run_json(*command)
    assert manifest["counts"] == {"rows_in": 4, "rows_out": 3, "failed": 1, "skipped": 0}
    (failure,) = read_table(out, "failures")
    assert "is of image 77, which the file does not list" in failure["message"]
    rows = sorted(read_table(out, "captions"), key=lambda row: str(row["asset_id"]))
    texts = {row["asset_id"]: row["text"] for row in read_table(captions, "captions")}
    assert [row["text"] for row in rows] == [texts[name] for name in names]
    assert list(rows[1]["references"]) == ["a shape"]
    objects = [json.loads(row["attributes"])["objects"] for row in rows]
    assert objects == [[], [{"name": "circle", "box": [3, 4, 13, 14]}], []]
    again = run_json(*command)["counts"]
    assert again == {"rows_in": 4, "rows_out": 0, "failed": 0, "skipped": 4}


def test_wrong_columns_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = write_parquet(tmp_path / "c.parquet", {"name": ["a"], "where": ["b"]})
    assert run(["caption", str(catalog), str(tmp_path / "out")]) == 2
    assert "name, where" in capsys.readouterr().err


def test_results_open_in_pandas_duckdb_and_datasets(
    captions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    import datasets

    expected = [row["text"] for row in read_table(captions, "captions")]
    frame = pd.read_parquet(captions / "captions").sort_values("asset_id")
    assert frame["text"].tolist() == expected
    found = (
        duckdb.connect()
        .execute(f"SELECT text FROM '{captions}/captions/*/*.parquet' ORDER BY asset_id")
        .fetchall()
    )
    assert [text for (text,) in found] == expected
    loaded = datasets.load_dataset(
        "parquet", data_files=f"{captions}/captions/*/*.parquet", cache_dir=str(tmp_path)
    )["train"]
    assert [text for _, text in sorted(zip(loaded["asset_id"], loaded["text"], strict=True))] == (
        expected
    )
