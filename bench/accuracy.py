"""How right calumma-tiny describes pictures it has not learnt from, alone and with examples.

``python -m bench.accuracy [--model FOLDER] [--held-out CATALOGS] [--captions-only]
[--neighbors 0 1 2]``: through the command line, captions against the attributes that the questions
tell of each picture (size and place are measured from its pixels), answers against the official
ones. Exact match, no normalisation, with Wilson's 95 % interval. Neighbours are training pictures,
with what their own questions tell as their texts; calumma-clip finds them.
"""

import argparse
import contextlib
import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.dataset as ds
from easy_vqa import get_train_image_paths, get_train_questions

from bench.easy_vqa_split import Split
from bench.shares import Share, table
from models.source import DEFAULT_MODEL
from pipelines.cli import run
from training.pictures import looks_told


def main() -> None:
    """Print the table for each number of neighbours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--held-out", type=Path, help="catalogs/held of the recipe's folder")
    parser.add_argument("--captions-only", action="store_true")
    parser.add_argument("--neighbors", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    split = Split.held_out(arguments.held_out) if arguments.held_out else Split.test()
    for line in table(
        described(
            split,
            model=arguments.model,
            neighbors=arguments.neighbors,
            captions_only=arguments.captions_only,
        )
    ):
        print(line, flush=True)


def described(
    split: Split, *, model: str, neighbors: Sequence[int], captions_only: bool = False
) -> Iterator[Share]:
    """Describe the pictures of a split, and answer what is asked of them.

    Args:
        neighbors: K, each in turn.
        captions_only: leave out the answers.

    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        catalog, questions = split.write(folder)
        index = _build_index(folder) if any(neighbors) else None
        for count in neighbors:
            options = ["--model", model]
            shown = ""
            if count:
                options += ["--index", str(index), "--neighbors", str(count)]
                shown = f", K = {count}"
            short, long = folder / f"short-{count}", folder / f"long-{count}"
            _run("caption", str(catalog), str(short), *options)
            texts = _texts(short)
            yield Share.of(
                f"short captions{shown}",
                [texts[one] == look.short for one, look in split.looks.items()],
            )
            _run("caption", str(catalog), str(long), "--style", "long", *options)
            texts = _texts(long)
            yield Share.of(
                f"long captions, every word{shown}",
                [texts[one] == look.long for one, look in split.looks.items()],
            )
            yield Share.of(
                f"long captions, colour and shape{shown}",
                [f" {look.color} {look.shape} " in texts[one] for one, look in split.looks.items()],
            )
            if captions_only:
                continue
            _run("answer", str(catalog), str(short), "--questions", str(questions), *options)
            rows = ds.dataset(short / "answers").to_table(["text", "answers"]).to_pylist()
            assert len(rows) == len(split.questions)
            right = [(row["answers"][0], row["text"] == row["answers"][0]) for row in rows]
            yield Share.of(f"answers{shown}", [hit for _, hit in right])
            yield Share.of(
                f"answers, yes or no{shown}",
                [hit for answer, hit in right if answer in {"yes", "no"}],
            )


def _build_index(folder: Path) -> Path:
    catalog, embedded, index = folder / "train.csv", folder / "embedded", folder / "index"
    paths = get_train_image_paths()
    looks = looks_told(zip(*get_train_questions(), strict=True))
    with catalog.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "uri", "text"])
        writer.writerows(
            (f"train-{one}", paths[one], f"a {c} {s}") for one, (c, s) in looks.items()
        )
    _run("embed", str(catalog), str(embedded), "--of", "image")
    _run("index", str(embedded), str(index))
    return index


def _texts(out: Path) -> dict[str, str]:
    rows = ds.dataset(out / "captions").to_table(["asset_id", "text"]).to_pylist()
    return {row["asset_id"]: row["text"] for row in rows}


def _run(*command: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert run([*command, "--json"]) == 0


if __name__ == "__main__":
    main()
