"""How right calumma-tiny is on easy-VQA's official test split, through the command line.

``python -m bench.accuracy [--captions-only]``: captions against the attributes that the question
set tells of each picture, answers against the official ones. Exact match, no normalisation.
"""

import argparse
import csv
import re
import tempfile
from pathlib import Path

import pyarrow.dataset as ds
from easy_vqa import get_test_questions

from pipelines.cli import run
from pipelines.demo import write_demo_catalog

COLORS = ("red", "green", "blue", "black", "gray", "teal", "brown", "yellow")
SHAPES = ("circle", "triangle", "rectangle")


def attributes() -> dict[int, tuple[str, str]]:
    """Color and shape of each picture whose questions tell both."""
    told: dict[int, set[str]] = {}
    for question, answer, number in zip(*get_test_questions(), strict=True):
        words = set(re.findall(r"[a-z]+", question))
        facts = told.setdefault(number, set())
        named = words & {*COLORS, *SHAPES}
        if answer in {"yes", "no"}:
            negated = bool(words & {"not", "no"})
            if (answer == "yes") != negated:
                facts |= named
        else:
            facts |= {answer} | named
    known = {}
    for number, facts in told.items():
        colors, shapes = facts & {*COLORS}, facts & {*SHAPES}
        if len(colors) == len(shapes) == 1:
            known[number] = (colors.pop(), shapes.pop())
    return known


def main() -> None:
    """Print both accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions-only", action="store_true")
    only_captions = parser.parse_args().captions_only
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures, _ = write_demo_catalog(folder / "catalog")
        out = folder / "out"
        assert run(["caption", str(pictures), str(out)]) == 0
        known = attributes()
        rows = ds.dataset(out / "captions").to_table(["asset_id", "text"]).to_pylist()
        texts = {int(row["asset_id"].removesuffix(".png")): row["text"] for row in rows}
        right = sum(texts[number] == f"a {c} {s}" for number, (c, s) in known.items())
        print(f"captions exact: {right} of {len(known)} = {right / len(known):.2%}")
        if only_captions:
            return
        questions = folder / "questions.csv"
        with questions.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["asset_id", "question", "answers"])
            for text, answer, number in zip(*get_test_questions(), strict=True):
                writer.writerow([f"{number:04d}.png", text, answer])
        assert run(["answer", str(pictures), str(out), "--questions", str(questions)]) == 0
        found = ds.dataset(out / "answers").to_table(["text", "answers"]).to_pylist()
        right = sum(row["text"] == row["answers"][0] for row in found)
        print(f"answers exact: {right} of {len(found)} = {right / len(found):.2%}")


if __name__ == "__main__":
    main()
