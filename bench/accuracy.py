"""How right calumma-tiny is on easy-VQA's official test split, alone and with worked examples.

``python -m bench.accuracy [--captions-only] [--neighbors 0 1 2]``: through the command line,
captions against the attributes that the question set tells of each picture, answers against the
official ones. Exact match, no normalisation, with Wilson's 95 % interval (E. B. Wilson, 1927,
Journal of the American Statistical Association 22, p. 209). Neighbours are training pictures, with
what their own questions tell as their texts; calumma-clip finds them.
"""

import argparse
import contextlib
import csv
import io
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.dataset as ds
from easy_vqa import (
    get_test_image_paths,
    get_test_questions,
    get_train_image_paths,
    get_train_questions,
)

from pipelines.cli import run
from training.pictures import looks_told

_NORMAL_QUANTILE = 1.959964


def main() -> None:
    """Print both accuracies for each number of neighbours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions-only", action="store_true")
    parser.add_argument("--neighbors", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalog, questions = _write_test_split(folder)
        index = _build_index(folder) if any(arguments.neighbors) else None
        print("K  what      right  of     accuracy  95 % interval")
        for count in arguments.neighbors:
            options = ["--index", str(index), "--neighbors", str(count)] if count else []
            out = str(folder / f"out-{count}")
            _run("caption", str(catalog), out, *options)
            _tell(count, "captions", *_captions(Path(out)))
            if arguments.captions_only:
                continue
            _run("answer", str(catalog), out, "--questions", str(questions), *options)
            _tell(count, "answers", *_answers(Path(out)))


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    share, squared = right / count, _NORMAL_QUANTILE**2
    middle = share + squared / (2 * count)
    half = _NORMAL_QUANTILE * math.sqrt(share * (1 - share) / count + squared / (4 * count**2))
    return (middle - half) / (1 + squared / count), (middle + half) / (1 + squared / count)


def _write_test_split(folder: Path) -> tuple[Path, Path]:
    catalog, questions = folder / "test.csv", folder / "questions.csv"
    _write(catalog, ["id", "uri"], list(get_test_image_paths().items()))
    rows = [
        (number, text, answer) for text, answer, number in zip(*get_test_questions(), strict=True)
    ]
    _write(questions, ["asset_id", "question", "answers"], rows)
    return catalog, questions


def _build_index(folder: Path) -> Path:
    catalog, embedded, index = folder / "train.csv", folder / "embedded", folder / "index"
    paths = get_train_image_paths()
    looks = looks_told(zip(*get_train_questions(), strict=True))
    rows = [(f"train-{one}", paths[one], f"a {c} {s}") for one, (c, s) in looks.items()]
    _write(catalog, ["id", "uri", "text"], rows)
    _run("embed", str(catalog), str(embedded), "--of", "image")
    _run("index", str(embedded), str(index))
    return index


def _captions(out: Path) -> tuple[int, int]:
    looks = looks_told(zip(*get_test_questions(), strict=True))
    rows = ds.dataset(out / "captions").to_table(["asset_id", "text"]).to_pylist()
    texts = {int(row["asset_id"]): row["text"] for row in rows}
    return sum(texts[one] == f"a {c} {s}" for one, (c, s) in looks.items()), len(looks)


def _answers(out: Path) -> tuple[int, int]:
    rows = ds.dataset(out / "answers").to_table(["text", "answers"]).to_pylist()
    return sum(row["text"] == row["answers"][0] for row in rows), len(rows)


def _tell(neighbors: int, what: str, right: int, count: int) -> None:
    low, high = wilson_interval(right, count)
    share = f"{right / count:9.2%}  {low:.2%} to {high:.2%}"
    print(f"{neighbors}  {what:8}  {right:5}  {count:5}  {share}", flush=True)


def _run(*command: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert run([*command, "--json"]) == 0


def _write(path: Path, names: list[str], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
