"""What a comparison costs: processor time a row, and memory, as rows grow.

``python -m bench.compare_speed [--rows 10000 40000] [--slices 10]``: two evaluations of captions
with five references each, and of answers with ten, compared as ``calumma compare`` does.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.cider_speed import make_captions
from bench.measuring import PeakMemory
from pipelines.compare import compare_evaluations
from schemas.score import RowScore
from storage.evaluation.evaluated import find_evaluation
from tests.evaluations import commit_evaluation, row_score


def captions(rows: int, slices: int, model: int) -> Iterator[RowScore]:
    """Captions, and scores that differ on half of the rows."""
    texts, references = make_captions(rows)
    random = np.random.default_rng(model)
    for row in range(rows):
        score = float(row % 7 if row % 2 else random.random())
        yield row_score(
            f"{row:08d}",
            {"cider_d": score, "cider": score, "bleu_4": 0.0, "rouge_l": score},
            text=texts[row] if row % 2 else texts[row - model],
            references=tuple(references[row]),
            slices=(f"shelf={row % slices}",),
        )


def answers(rows: int, slices: int, model: int) -> Iterator[RowScore]:
    """Answers, of which a fifth differs."""
    random = np.random.default_rng(model)
    for row in range(rows):
        right = float(random.random() < 0.5 if row % 5 == 0 else row % 2)
        yield row_score(
            f"{row:08d}",
            {"vqa_accuracy": right, "exact_match": right},
            question_id="q",
            text="yes" if right else "no",
            references=("yes",) * 10,
            slices=(f"kind={row % slices}",),
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 40_000])
    parser.add_argument("--slices", type=int, default=10)
    arguments = parser.parse_args()
    print(f"{'results':10}{'rows':>10}{'microseconds a row':>20}{'MiB at most':>13}", flush=True)
    for kind, made in (("captions", captions), ("answers", answers)):
        for rows in arguments.rows:
            with tempfile.TemporaryDirectory() as folder:
                runs = [
                    find_evaluation(
                        str(
                            commit_evaluation(
                                Path(folder) / f"{model}",
                                list(made(rows, arguments.slices, model)),
                                kind=kind,
                            )
                        )
                    )
                    for model in (0, 1)
                ]
                begun = time.process_time()
                with PeakMemory() as peak:
                    compare_evaluations(runs[0], runs[1], by=None, progress=lambda _: None)
                seconds = time.process_time() - begun
            print(
                f"{kind:10}{rows:10,}{1e6 * seconds / rows:20.0f}{peak.mebibytes:13.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
