"""The whole table of the embedded models: answers, captions, drawings, edits and retrieval.

``python -m bench.evaluate_embedded [--model FOLDER] [--encoder FOLDER] [--held-out CATALOGS]
[--json FILE]``: on easy-VQA's test split, or on what the recipe held out, through the command line,
each share with Wilson's 95 % interval. What ``bench.accuracy`` and ``bench.generation_quality``
measure, in the ways that the model's card names, and what the dual encoder finds
(``bench.looks_found``).
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from bench.accuracy import described
from bench.easy_vqa_split import Split
from bench.generation_quality import DRAWN, EDITED, Drawn, decoded, drawings, edits
from bench.looks_found import looks_found
from bench.shares import Share, table
from models.source import DEFAULT_ENCODER, DEFAULT_MODEL

_DRAWN = ("plain", "guided")
_EDITED = ("edit, plain", "edit, guided")
_SEEDS = 20
_EDITS = 500


def main() -> None:
    """Print the table, and write what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--held-out", type=Path, help="catalogs/held of the recipe's folder")
    parser.add_argument("--neighbors", type=int, nargs="+", default=[0])
    parser.add_argument("--json", type=Path, help="file for the same as JSON")
    arguments = parser.parse_args()
    split = Split.held_out(arguments.held_out) if arguments.held_out else Split.test()
    found: list[Share] = []

    def measured() -> Iterator[Share]:
        for one in _shares(split, arguments.model, arguments.encoder, arguments.neighbors):
            found.append(one)
            yield one

    for line in table(measured()):
        print(line, flush=True)
    if arguments.json:
        figures = {one.what: _figures(one) for one in found}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


def _figures(share: Share) -> dict[str, float]:
    low, high = share.interval
    return {"share": share.share, "low": low, "high": high, "count": share.count}


def _shares(split: Split, model: str, encoder: str, neighbors: list[int]) -> Iterator[Share]:
    yield from described(split, model=model, neighbors=neighbors)
    yield from _told(decoded(split, model))
    ways = {name: DRAWN[name] for name in _DRAWN}
    for drawn in drawings(ways, model=model, seeds=_SEEDS):
        yield from _told(drawn)
    ways = {name: EDITED[name] for name in _EDITED}
    for drawn in edits(ways, split, model=model, most=_EDITS):
        yield from _told(drawn)
    yield from looks_found(split, encoder)


def _told(drawn: Drawn) -> Iterator[Share]:
    for what, share in zip(("colour", "shape", "both"), drawn, strict=True):
        yield Share(what=f"{share.what}: {what}", right=share.right, count=share.count)


if __name__ == "__main__":
    main()
