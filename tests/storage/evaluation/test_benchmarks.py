"""Benchmarks' files, small ones of the published form."""

import json
from pathlib import Path

import pytest

from schemas.errors import CatalogError
from storage.evaluation.benchmarks import BenchmarkName, annotations_file, read_benchmark
from storage.evaluation.references import Reference
from storage.questions import question_id_of

ANSWERS = [{"answer": text, "answer_confidence": "yes", "answer_id": 1} for text in ("a", "b")]


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content))


def read(name: BenchmarkName, folder: Path) -> list[Reference]:
    return list(read_benchmark(name, annotations_file(name, str(folder))))


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("vqav2", "v2_mscoco_val2014_annotations.json"),
        ("okvqa", "mscoco_val2014_annotations.json"),
    ],
)
def test_vqa(tmp_path: Path, name: BenchmarkName, file: str) -> None:
    annotation = {
        "question_type": "what",
        "multiple_choice_answer": "a",
        "answers": ANSWERS,
        "image_id": 42,
        "answer_type": "other",
        "question_id": 42000,
    }
    write(tmp_path, file, {"info": {}, "annotations": [annotation]})
    write(tmp_path, "v2_OpenEnded_mscoco_val2014_questions.json", {"questions": []})
    (one,) = read(name, tmp_path)
    assert (one.asset_id, one.question_id, one.texts) == ("42", "42000", ("a", "b"))
    assert one.columns == {"question_type": "what", "answer_type": "other"}


def test_vizwiz(tmp_path: Path) -> None:
    row = {"image": "x.jpg", "question": "What?", "answers": ANSWERS, "answerable": 0}
    write(tmp_path, "val.json", [row])
    (one,) = read("vizwiz", tmp_path)
    assert (one.asset_id, one.question_id) == ("x.jpg", question_id_of("What?"))
    assert one.columns["answerable"] == 0


def test_coco_captions_come_in_any_order(tmp_path: Path) -> None:
    said = [(1, "a"), (2, "b"), (1, "c")]
    annotations = [{"image_id": image, "caption": text, "id": 0} for image, text in said]
    write(tmp_path, "captions_val2014.json", {"images": [], "annotations": annotations})
    found = read("coco-captions", tmp_path)
    assert [(one.asset_id, one.texts) for one in found] == [("1", ("a", "c")), ("2", ("b",))]


def test_easy_vqa() -> None:
    found = list(read_benchmark("easy-vqa", ""))
    assert len({(one.asset_id, one.question_id) for one in found}) == len(found) > 9000
    assert {one.columns["answer_type"] for one in found} == {"yes/no", "shape", "color"}


def test_what_is_no_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no folder"):
        annotations_file("vizwiz", str(tmp_path / "gone"))
    with pytest.raises(CatalogError, match=r"There is no .*gone\.json"):
        list(read_benchmark("vizwiz", annotations_file("vizwiz", str(tmp_path / "gone.json"))))
    write(tmp_path, "val.json", [{"image": "x"}])
    with pytest.raises(CatalogError, match="is not a file of vizwiz's annotations: KeyError"):
        read("vizwiz", tmp_path)
    (tmp_path / "val.json").write_text("no JSON")
    with pytest.raises(CatalogError, match="is not a file of vizwiz's annotations"):
        read("vizwiz", tmp_path)
    write(tmp_path, "train.json", [])
    with pytest.raises(CatalogError, match=r"several files \(train.json, val.json\)"):
        read("vizwiz", tmp_path)
