"""YAML pipelines through Beam's own reader of them, with the model inside the package."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from apache_beam.yaml.main import build_pipeline_components_from_yaml

from runners.local import local_pipeline
from schemas.arrow import arrow_schema
from schemas.description import Answer, Caption
from schemas.failure import Failure
from tests.end_to_end.conftest import copy_pictures, read_table, write_parquet
from transforms import beam_yaml

PROVIDER = Path(beam_yaml.__file__).with_name("provider.yaml")


def step(kind: str, source: str = "", **config: Any) -> dict[str, Any]:
    """One step of a YAML pipeline; a sink is named by what it takes."""
    name = config.pop("name", kind)
    made = {"type": kind, "name": name, "config": config}
    return {**made, "input": source} if source else made


def write(source: str, folder: Path) -> dict[str, Any]:
    prefix = folder / source.lower()
    name = f"Write {source}"
    return step("WriteToParquet", source, name=name, path=str(prefix), file_name_suffix=".parquet")


def run_yaml(steps: Sequence[dict[str, Any]]) -> None:
    """Run a pipeline as ``python -m apache_beam.yaml.main`` does, in this process."""
    spec = {
        "pipeline": {"transforms": list(steps)},
        "providers": [{"include": str(PROVIDER)}],
    }
    # JSON is YAML.
    _, build = build_pipeline_components_from_yaml(json.dumps(spec), [])
    with local_pipeline() as pipeline:
        build(pipeline)


def rows(folder: Path, source: str) -> list[dict[str, Any]]:
    found = [
        row
        for file in sorted(folder.glob(f"{source.lower()}-*.parquet"))
        for row in pq.ParquetFile(file).read().to_pylist()
    ]
    return sorted(found, key=lambda row: (row["asset_id"], row.get("question_id", "")))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures and a page of text."""
    folder = copy_pictures(tmp_path_factory.mktemp("mixed") / "pictures", 0, 6)
    (folder / "page.png").write_text("<html></html>")
    return folder


def test_a_yaml_pipeline_gives_the_job_s_captions(
    pictures: Path, captions: Path, tmp_path: Path
) -> None:
    run_yaml(
        [
            step("ReadCatalog", catalog=str(pictures)),
            step("CaptionImages", "ReadCatalog", model="calumma-tiny"),
            write("CaptionImages", tmp_path),
        ]
    )
    found, expected = rows(tmp_path, "CaptionImages"), read_table(captions, "captions")
    for row in (*found, *expected):
        row["mean_logprob"] = pytest.approx(row["mean_logprob"], abs=1e-4)
    assert found == expected


def test_bad_pictures_and_answers_come_out_where_they_are_asked_for(
    mixed: Path, tmp_path: Path
) -> None:
    run_yaml(
        [
            step("ReadCatalog", catalog=str(mixed)),
            step("CaptionImages", "ReadCatalog", error_handling={"output": "failures"}),
            step(
                "AnswerQuestions",
                "ReadCatalog",
                questions=["is there a circle?"],
                error_handling={"output": "failures"},
            ),
            write("CaptionImages", tmp_path),
            write("AnswerQuestions", tmp_path),
            {
                **write("Failures", tmp_path),
                "input": ["CaptionImages.failures", "AnswerQuestions.failures"],
            },
        ]
    )
    names = [f"{number:04d}.png" for number in range(6)]
    assert [row["asset_id"] for row in rows(tmp_path, "CaptionImages")] == names
    answers = rows(tmp_path, "AnswerQuestions")
    assert [row["asset_id"] for row in answers] == names
    assert {row["text"] for row in answers} <= {"yes", "no"}
    failures = rows(tmp_path, "Failures")
    assert [(row["asset_id"], row["kind"]) for row in failures] == [
        ("page.png", "not_an_image")
    ] * 2
    assert failures[0]["question_id"] == ""
    for record, source in (
        (Caption, "CaptionImages"),
        (Answer, "AnswerQuestions"),
        (Failure, "Failures"),
    ):
        (file,) = tmp_path.glob(f"{source.lower()}-*.parquet")
        schema = pq.read_schema(file)
        # Beam orders the fields anew where it puts two outputs together.
        assert sorted(schema.names) == sorted(arrow_schema(record).names)
        for name in schema.names:
            kind, expected = schema.field(name).type, arrow_schema(record).field(name).type
            assert getattr(kind, "value_type", kind) == getattr(expected, "value_type", expected)


def test_without_error_handling_a_bad_picture_ends_the_pipeline(mixed: Path) -> None:
    with pytest.raises(Exception, match=r"page\.png failed \(not_an_image\).*error_handling"):
        run_yaml(
            [step("ReadCatalog", catalog=str(mixed)), step("CaptionImages", "ReadCatalog")],
        )


def test_rows_of_another_source_are_captioned(pictures: Path, tmp_path: Path) -> None:
    run_yaml(
        [
            step(
                "Create",
                elements=[
                    {"asset_id": 7, "uri": str(pictures / "0000.png"), "local": True},
                    {"asset_id": 8, "uri": str(pictures / "0001.png"), "local": False},
                ],
            ),
            step("CaptionImages", "Create", error_handling={"output": "failures"}),
            write("CaptionImages", tmp_path),
            {**write("Failures", tmp_path), "input": "CaptionImages.failures"},
        ]
    )
    assert [row["asset_id"] for row in rows(tmp_path, "CaptionImages")] == ["7"]
    assert [row["kind"] for row in rows(tmp_path, "Failures")] == ["policy"]


def test_a_catalog_of_bytes_with_rows_that_cannot_be_read(pictures: Path, tmp_path: Path) -> None:
    names = ["0000.png", "0001.png", None]
    data = [(pictures / "0000.png").read_bytes()] * 3
    catalog = write_parquet(tmp_path / "c.parquet", {"sku": names, "image": data})
    run_yaml(
        [
            step("ReadCatalog", catalog=str(catalog), columns={"id": "sku"}),
            step("CaptionImages", "ReadCatalog", error_handling={"output": "failures"}),
            write("CaptionImages", tmp_path),
            {**write("Failures", tmp_path), "input": "CaptionImages.failures"},
        ]
    )
    assert [row["asset_id"] for row in rows(tmp_path, "CaptionImages")] == names[:2]
    (failure,) = rows(tmp_path, "Failures")
    assert (failure["kind"], failure["stage"]) == ("missing_id", "read")


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([step("ReadCatalog", catalog="/nowhere.csv")], "There is no /nowhere.csv"),
        ([step("ReadCatalog", catalog="/", columns={"ident": "a"})], "not ident"),
        ([step("CaptionImages", "Create", model="/no-such-model")], "no-such-model"),
        ([step("CaptionImages", "Create", styel="long")], "styel"),
        (
            [
                step("CaptionImages", "Create", error_handling={"output": "bad", "threshold": 1}),
                write("CaptionImages.bad", Path("/nowhere")),
            ],
            "one setting",
        ),
        ([step("CaptionImages", "Create")], "need the fields asset_id, and uri or data"),
        ([step("AnswerQuestions", "Create", questions="what?")], "must be a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_run_is_said_when_the_pipeline_is_built(
    steps: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(Exception, match=said):
        run_yaml([step("Create", elements=[{"id": 1}]), *steps])


def test_the_package_says_where_its_provider_lies() -> None:
    command = [sys.executable, "-m", "transforms.beam_yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()) == PROVIDER
    assert PROVIDER.is_file()
