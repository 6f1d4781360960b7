"""One of two processes that train on a CPU: together, ended and gone on with, with a full disk.

``python -m tests.training.several OUT_FOLDER``, once for each, with what tells torch of the others
in the environment. Each writes what it came to, by its number.
"""

import json
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

import torch
from accelerate import Accelerator

from schemas.errors import RunError
from tests.training.full_disk import small_files
from tests.training.lines import Line, Points, train
from tests.training.test_vq_codebook import a_codebook, random_vectors
from training.ending import EndedEarlyError
from training.vq_codebook import totals

PROCESSES = 2
CODES = 6


def main() -> None:
    out = Path(sys.argv[1])
    own = Accelerator().process_index

    def points(ends_at: int = -1) -> Points:
        return Points(ends_at, shares=[own], processes=PROCESSES)

    found = {"exact": train(out / "exact", points(), objective=Line(dropout=0))[0]}
    found["whole"] = train(out / "whole", points())[0]
    with suppress(EndedEarlyError):
        train(out / "parts", points(ends_at=20))
    found["parts"], silent = train(out / "parts", points())
    assert silent.begins == ([] if own else [6])
    codebook = a_codebook(CODES)
    for step in range(3):
        vectors = random_vectors(40, step)[own::PROCESSES]
        codebook.follow(*totals(vectors, codebook.nearest(vectors), CODES))
    weights = {name: line.state_dict() for name, line in found.items()}
    torch.save({**weights, "codes": codebook.vectors}, out / f"found-{own}.pt")
    said = []
    for full in range(PROCESSES):
        try:
            with small_files(300) if own == full else nullcontext():
                train(out / f"full-{full}")
        except RunError as error:
            said.append(str(error))
    (out / f"said-{own}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
