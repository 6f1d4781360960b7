"""Measuring the runs, each measure once."""

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from bench.ablations import asking
from bench.ablations.cut_codes import cut_codes
from bench.ablations.held import read_held
from bench.ablations.losses import Losses, Segment, read_examples
from bench.ablations.place import NEIGHBORS
from bench.ablations.training_runs import Run

Measured = dict[str, dict[str, float]]
"""Values of items, by the measure's name."""


def measure(run: Run) -> Measured:
    """Measure a run, or read what was measured before."""
    found: Measured = {}
    for name, make in _groups(run).items():
        found |= kept(run.results / f"{name}.json", make)
    return found


def kept(path: Path, make: Callable[[], Measured]) -> Measured:
    """What a file holds; where it is not there, it is made and written."""
    if not path.exists():
        started = time.time()
        content = {"seconds": 0.0, "measures": make()}
        content["seconds"] = time.time() - started
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content) + "\n")
        partial.replace(path)
    measures: Measured = json.loads(path.read_text())["measures"]
    return measures


def _groups(run: Run) -> Mapping[str, Callable[[], Measured]]:
    """What is measured of a variant, by the names of the files that keep it."""
    groups: dict[str, Callable[[], Measured]]
    if run.variant.kind == "instructions":
        groups = {"losses": lambda: _instruction_losses(run)}
        counts = list(NEIGHBORS)
    else:
        groups = {"losses": lambda: _pair_losses(run), "infilling": lambda: _infilling(run)}
        counts = [0]
    return groups | {f"asked-{count}": partial(_asked, run, count) for count in counts}


def _asked(run: Run, count: int) -> Measured:
    everything, naming = asking.answers(run, count)
    return {
        f"short captions, K = {count}": asking.captions(run, count),
        f"answers, K = {count}": everything,
        f"answers that name, K = {count}": naming,
        f"drawings, K = {count}": asking.drawings(run, count),
    }


def _infilling(run: Run) -> Measured:
    if run.variant.objective == "left_to_right":
        # It has not learnt what a mask is.
        return {}
    return {
        "words filled in": asking.filled_words(run),
        "whole captions filled in": asking.infilled_captions(run),
    }


def _instruction_losses(run: Run) -> Measured:
    losses = Losses(run.folder)
    found = {}
    for name, template, measured in (
        ("captions", "caption", lambda one: one["field"] == "text"),
        ("answers", "ask", lambda one: one["field"] == "answers"),
        ("pictures", "draw", lambda one: one["kind"] == "image"),
    ):
        for count in NEIGHBORS:
            documents = run.place.documents("held", f"{template}-{count}")
            examples = read_examples(documents, _of_the_main(measured))
            found[f"loss of {name}, K = {count}"] = {
                item: loss.each for item, loss in losses.of(examples).items()
            }
    return found


def _pair_losses(run: Run) -> Measured:
    losses = Losses(run.folder)
    documents = run.place.documents("held", "left_to_right-0")
    pairs = read_examples(documents, _is_content)
    infilled = run.variant.objective != "left_to_right"
    cut = cut_codes(documents, run.place.tokenizer, infilled=infilled)
    return {
        "loss of pairs, K = 0": {name: one.each for name, one in losses.of(pairs).items()},
        "loss of cut codes": {name: one.each for name, one in losses.of(cut).items()},
        "likeliest words": _likeliest(run, losses),
    }


def _likeliest(run: Run, losses: Losses) -> dict[str, float]:
    """Whether of all words for a gap the right one makes text and picture likeliest."""
    examples = read_examples(run.place.documents("held", "filled"), _is_content)
    best: dict[str, tuple[float, str]] = {}
    for name, loss in losses.of(examples).items():
        gap, _, word = name.rpartition("/")
        best[gap] = min(best.get(gap, (loss.nats, word)), (loss.nats, word))
    return {
        f"{one.name}/{kind}": float(best[f"{one.name}/{kind}"][1] == getattr(one, kind))
        for one in read_held(run.place)
        for kind in ("color", "shape")
    }


def _is_content(segment: Segment) -> bool:
    return segment["kind"] in {"text", "image"}


def _of_the_main(measured: Callable[[Segment], bool]) -> Callable[[Segment], bool]:
    return lambda one: not one["retrieved"] and measured(one)
