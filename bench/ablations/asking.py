"""What variants say and draw when they are asked by Calumma's commands."""

import io
import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from PIL import Image

from bench.ablations.held import read_held
from bench.ablations.place import Place, job
from bench.ablations.training_runs import Run
from bench.pixel_checker import Seen, look_at
from training.captions import COLORS, SHAPES

Items = dict[str, float]
"""By the name of what was asked, 1 for right and 0 for wrong."""

_INFILL_ALL = "<mask><sep>"
_TEMPERATURE = 0.7


def captions(run: Run, count: int) -> Items:
    """Short captions; pretrained models are asked with nothing but the picture."""
    return _captions(run, *_asked_plainly(run), *_shown(run.place, count))


def infilled_captions(run: Run) -> Items:
    """Whole texts filled in before their pictures; long ones count by colour and shape."""
    return _captions(run, "--prompt", _INFILL_ALL)


def _captions(run: Run, *options: object) -> Items:
    held = read_held(run.place)
    catalog = run.place.catalog("held", "pictures")
    with _scratch(run, "captions") as out:
        job(
            "caption",
            catalog,
            out,
            "--model",
            run.folder,
            "--limit",
            len(held),
            *options,
            *_PATIENT,
        )
        texts = _texts(out / "captions", "asset_id")
    return {one.name: float(_tells(texts.get(one.name, ""), one.short)) for one in held}


def _tells(text: str, short: str) -> bool:
    """Whether a text is the short caption, or a long one with the same colour and shape."""
    return text == short or f" {short.removeprefix('a ')} in the " in text


def answers(run: Run, count: int) -> tuple[Items, Items]:
    """Answers to all questions, and to those that are not answered by yes or no."""
    right = _answers(run, "questions", *_shown(run.place, count))
    rows = pq.read_table(run.place.out / "held" / "questions.parquet").to_pylist()
    naming = {row["question_id"] for row in rows if row["answers"][0] not in {"yes", "no"}}
    return right, {name: hit for name, hit in right.items() if name in naming}


def filled_words(run: Run) -> Items:
    """Colours and shapes filled in where long texts before their pictures lack them."""
    return _answers(run, "asked", "--prompt", "{question}")


def _answers(run: Run, questions: str, *options: object) -> Items:
    asked = run.place.out / "held" / f"{questions}.parquet"
    expected = {row["question_id"]: row["answers"][0] for row in pq.read_table(asked).to_pylist()}
    with _scratch(run, questions) as out:
        job(
            "answer",
            run.place.catalog("held", "pictures"),
            out,
            "--model",
            run.folder,
            "--questions",
            asked,
            *options,
            *_PATIENT,
        )
        texts = _texts(out / "answers", "question_id")
    return {name: float(texts.get(name) == right) for name, right in expected.items()}


def drawings(run: Run, count: int) -> Items:
    """Pictures of each colour and shape that show both, by a checker of pixels."""
    wanted = {
        f"{color}-{shape}-{seed}": Seen(color=color, shape=shape)
        for color, shape, seed in itertools.product(COLORS, SHAPES, range(run.place.sizes.drawings))
    }
    requests: dict[str, list[Any]] = {
        "id": list(wanted),
        "prompt": [f"a {one.color} {one.shape}" for one in wanted.values()],
        "seed": [int(name.rpartition("-")[2]) for name in wanted],
    }
    template = ["--template", "{prompt}"] if run.variant.kind == "pairs" else []
    with _scratch(run, "drawings") as out:
        catalog = out.with_suffix(".parquet")
        pq.write_table(pa.table(requests), catalog)
        job(
            "generate",
            catalog,
            out,
            "--model",
            run.folder,
            "--temperature",
            _TEMPERATURE,
            *template,
            *_shown(run.place, count),
            *_PATIENT,
        )
        rows = ds.dataset(out / "generations").to_table(["asset_id", "image"]).to_pylist()
    seen = {row["asset_id"]: look_at(_pixels(row["image"])) for row in rows}
    return {name: float(seen.get(name) == one) for name, one in wanted.items()}


# A model that has learnt little says nothing now and then, which is wrong and no reason to stop.
_PATIENT = ("--max-failure-rate", 1)


def _asked_plainly(run: Run) -> list[str]:
    return ["--prompt", ""] if run.variant.kind == "pairs" else []


def _shown(place: Place, count: int) -> list[object]:
    """Options for so many neighbours."""
    if not count:
        return []
    encoder = ["--encoder", place.recipe / "clip"]
    return ["--index", place.recipe / "index", "--neighbors", count, *encoder]


@contextmanager
def _scratch(run: Run, what: str) -> Iterator[Path]:
    """A folder for a job's output, which goes when it is read."""
    folder = run.place.out / "asked" / f"{run.name}-{run.seed}-{what}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder / "out"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _texts(table: Path, name: str) -> dict[str, str]:
    """Nothing where all rows have failed."""
    if not table.exists():
        return {}
    rows = ds.dataset(table).to_table([name, "text"]).to_pylist()
    return {row[name]: row["text"] for row in rows}


def _pixels(image: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(image)) as picture:
        return np.asarray(picture.convert("RGB"))
