"""What a run costs: tokens of a step, and minutes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc

from bench.ablations.place import CONTEXT, Place
from bench.ablations.plan import VARIANTS
from bench.ablations.training_runs import Run
from storage.documents import document_groups, find_documents, read_group


def costs_table(place: Place) -> Iterator[str]:
    """Markdown: of each variant, how full its sequences are, and its minutes, seeds together."""
    yield "### What it cost"
    yield ""
    yield f"| variant | tokens of a sequence of {CONTEXT} | minutes to train | to measure |"
    yield "|---|---|---|---|"
    for name, variant in VARIANTS.items():
        runs = [Run(place=place, name=name, seed=seed) for seed in range(place.sizes.seeds)]
        trained = sum(_trained(run.folder / "training.json") for run in runs) / len(runs)
        measured = sum(_measured(run.results) for run in runs) / len(runs)
        filled = sum(
            share * _tokens_a_sequence(place.documents("known", one))
            for one, share in variant.sets.items()
        )
        yield f"| {variant.title} | {filled:.0f} | {trained:.1f} | {measured:.1f} |"


def _trained(receipt: Path) -> float:
    """Minutes of the process that ended a training."""
    told = json.loads(receipt.read_text())
    return float(told["finished"] - told["started"]) / 60


def _measured(results: Path) -> float:
    seconds = [json.loads(path.read_text())["seconds"] for path in results.glob("*.json")]
    return float(sum(seconds)) / 60


def _tokens_a_sequence(documents: Path) -> float:
    tokens = sequences = 0
    for group in document_groups(find_documents(str(documents))):
        table = read_group(group, ["length", "sequence"])
        tokens += int(pc.sum(table["length"]).as_py())
        sequences += int(pc.count_distinct(table["sequence"]).as_py())
    return tokens / sequences
