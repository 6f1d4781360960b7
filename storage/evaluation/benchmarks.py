"""References from the files of published benchmarks, as their sites give them out."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import ijson

from schemas.errors import CatalogError
from storage.catalog.columns import plain_text
from storage.catalog.opening import open_file
from storage.evaluation.references import Kind, Reference
from storage.questions import question_id_of
from storage.uris import absolute_uri

BenchmarkName = Literal["vqav2", "okvqa", "vizwiz", "coco-captions", "easy-vqa"]

_KINDS: Mapping[BenchmarkName, Kind] = {
    "vqav2": "answers",
    "okvqa": "answers",
    "vizwiz": "answers",
    "coco-captions": "captions",
    "easy-vqa": "answers",
}
_FILES: Mapping[BenchmarkName, str] = {
    "vqav2": r"v2_mscoco_.*_annotations\.json",
    "okvqa": r"mscoco_.*_annotations\.json",
    "vizwiz": r"(train|val)\.json",
    "coco-captions": r"captions_.*\.json",
    "easy-vqa": "",
}


def kind_of_benchmark(name: BenchmarkName) -> Kind:
    """What a benchmark asks for."""
    return _KINDS[name]


def annotations_file(name: BenchmarkName, annotations: str) -> str:
    """The file that holds a benchmark's references.

    Args:
        annotations: the file itself, or a local folder that holds one such file.

    Raises:
        CatalogError: there is none, or there are several.

    """
    if name == "easy-vqa" or annotations.endswith(".json"):
        return absolute_uri(annotations) if annotations else ""
    folder = Path(absolute_uri(annotations))
    if not folder.is_dir():
        raise CatalogError(f"There is no folder {annotations} of annotations.")
    found = sorted(
        path for path in folder.iterdir() if re.fullmatch(_FILES[name], path.name) is not None
    )
    if len(found) != 1:
        what = "no file" if not found else f"several files ({', '.join(p.name for p in found)})"
        raise CatalogError(
            f"{annotations} holds {what} of {name}'s annotations. Name the file itself with "
            "--annotations."
        )
    return str(found[0])


def read_benchmark(name: BenchmarkName, file: str) -> Iterator[Reference]:
    """Read a benchmark's references; assets are known by what it calls its pictures.

    Args:
        file: from :func:`annotations_file`.

    Raises:
        CatalogError: the file is missing, or is not what the benchmark's is.

    """
    try:
        yield from _READERS[name](file)
    except FileNotFoundError:
        raise CatalogError(f"There is no {file}.") from None
    except (ijson.JSONError, KeyError, TypeError, AttributeError) as error:
        raise CatalogError(
            f"{file} is not a file of {name}'s annotations: {type(error).__name__} {error}."
        ) from error


def _vqa(file: str) -> Iterator[Reference]:
    """VQA and OK-VQA: a question an annotation, ten answers each."""
    for annotation in _items(file, "annotations"):
        yield Reference(
            asset_id=plain_text(annotation["image_id"]),
            question_id=plain_text(annotation["question_id"]),
            texts=tuple(plain_text(one["answer"]) for one in annotation["answers"]),
            columns={
                "question_type": annotation.get("question_type"),
                "answer_type": annotation.get("answer_type"),
            },
        )


def _vizwiz(file: str) -> Iterator[Reference]:
    """VizWiz: one question a picture, known by its text."""
    for row in _items(file, ""):
        yield Reference(
            asset_id=plain_text(row["image"]),
            question_id=question_id_of(plain_text(row["question"])),
            texts=tuple(plain_text(one["answer"]) for one in row["answers"]),
            columns={
                "answer_type": row.get("answer_type"),
                "answerable": row.get("answerable"),
            },
        )


def _coco_captions(file: str) -> Iterator[Reference]:
    """COCO: several captions a picture, in any order, so that all are held."""
    captions: dict[str, list[str]] = defaultdict(list)
    for annotation in _items(file, "annotations"):
        captions[plain_text(annotation["image_id"])].append(plain_text(annotation["caption"]))
    for image, texts in captions.items():
        yield Reference(asset_id=image, question_id="", texts=tuple(texts))


def _easy_vqa(file: str) -> Iterator[Reference]:
    """easy-VQA's test questions, from the package: pictures are 0000.png, as in the demo."""
    del file
    try:
        from easy_vqa import get_test_questions
    except ImportError as error:
        raise CatalogError("easy-vqa is needed for its questions: pip install easy-vqa.") from error
    for text, answer, number in zip(*get_test_questions(), strict=True):
        yield Reference(
            asset_id=f"{number:04d}.png",
            question_id=question_id_of(text),
            texts=(answer,),
            columns={"answer_type": _easy_type(answer)},
        )


def _easy_type(answer: str) -> str:
    if answer in {"yes", "no"}:
        return "yes/no"
    return "shape" if answer in {"circle", "rectangle", "triangle"} else "color"


def _items(file: str, name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list of a JSON file, one after the other."""
    found = False
    with open_file(file) as opened:
        for item in ijson.items(opened, f"{name}.item" if name else "item", use_float=True):
            found = True
            yield item
    if not found:
        raise CatalogError(f"{file} holds no {name or 'rows'}.")


_READERS: Mapping[BenchmarkName, Callable[[str], Iterator[Reference]]] = {
    "vqav2": _vqa,
    "okvqa": _vqa,
    "vizwiz": _vizwiz,
    "coco-captions": _coco_captions,
    "easy-vqa": _easy_vqa,
}
