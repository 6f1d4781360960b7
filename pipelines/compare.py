"""Comparing two evaluations: finding them, joining their rows, and what comes of it."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from reports.asked_questions import with_questions
from schemas.comparison import ComparedRun, Comparison
from schemas.errors import UsageError
from schemas.score import ALL, LOWER_IS_BETTER, NEITHER_IS_BETTER
from storage.evaluation.evaluated import EvaluatedRun, find_evaluation
from storage.evaluation.pairs import Pairs, Unpaired
from storage.evaluation.scores import read_scores
from storage.store import open_store
from transforms.comparison.compare import compare_pairs
from transforms.comparison.corpus_statistics import corpus_metrics

_OF_AN_ENCODER = frozenset({"clip_score", "ref_clip_score"})
"""Scores on a scale of the encoder's own."""


def find_both(
    a: str, b: str, *, run_a: str | None, run_b: str | None
) -> tuple[EvaluatedRun, EvaluatedRun]:
    """Find the two evaluations.

    Raises:
        UsageError: one is not there, they are the same, or of different things.

    """
    first, second = find_evaluation(a, run_a), find_evaluation(b, run_b)
    if first.uri.rstrip("/") == second.uri.rstrip("/") and (
        first.manifest.run_id == second.manifest.run_id
    ):
        raise UsageError(
            f"A and B are the same evaluation, {first.manifest.run_id} of {a}. Name an older one "
            "with --run-a, or another output."
        )
    if first.kind != second.kind:
        raise UsageError(
            f"{a} is an evaluation of {first.kind}, and {b} one of {second.kind}: they have no "
            "metrics in common."
        )
    return first, second


def compare_evaluations(
    a: EvaluatedRun, b: EvaluatedRun, *, by: str | None, progress: Callable[[int], None]
) -> Comparison:
    """Compare two evaluations.

    Args:
        by: the metric to choose examples by; None for the first of which any row differs.
        progress: told how many pairs of rows are done.

    Raises:
        UsageError: they cannot be compared.

    """
    means, order, left_out = _metrics(a, b)
    if by is not None and by not in means:
        raise UsageError(f"Rows have no {by}. Name one of {', '.join(means)} with --by.")
    with tempfile.TemporaryDirectory() as folder:
        pairs = Pairs(a, b, Path(folder))
        compared = compare_pairs(pairs, a.kind, means, progress)
    if not compared.differences:
        raise UsageError(f"No row has a score in both, by any of {', '.join(means)}.")
    differing = [name for name in means if compared.wins[name] or compared.losses[name]]
    examples_by = by or next(iter(differing), "")
    places = {name: place for place, name in enumerate(order)}
    # A stable sort: slices stay in their order.
    slices = list(dict.fromkeys(one.slice for one in compared.differences))
    found = sorted(
        compared.differences,
        key=lambda one: (slices.index(one.slice), places.get(one.metric, len(places))),
    )
    told = {one.metric for one in found}
    return Comparison(
        a=_run(a, pairs.only_a),
        b=_run(b, pairs.only_b),
        kind=a.kind,
        rows=pairs.rows,
        weighed_anew=compared.weighed_anew,
        left_out=tuple(name for name in left_out if name not in told),
        slices_left_out=tuple(sorted(set(a.sliced_by) ^ set(b.sliced_by))),
        differences=tuple(found),
        examples_by=examples_by,
        wins=with_questions(compared.wins.get(examples_by, ()), a),
        losses=with_questions(compared.losses.get(examples_by, ()), a),
    )


def _metrics(a: EvaluatedRun, b: EvaluatedRun) -> tuple[list[str], list[str], list[str]]:
    """The mean metrics that rows of both have, the order of all metrics, and the metrics of either
    that may have to be left out.
    """
    named = [list(_row_metrics(one)) for one in (a, b)]
    corpus = {name for metric in corpus_metrics(a.kind) for name in metric.names}
    # Those of which more is not better.
    without = corpus | LOWER_IS_BETTER | NEITHER_IS_BETTER
    if a.manifest.config.get("encoder_revision") != b.manifest.config.get("encoder_revision"):
        without |= _OF_AN_ENCODER
    both = [name for name in named[0] if name in named[1] and name not in without]
    if not both:
        raise UsageError(
            f"{a.uri} and {b.uri} have no metric of rows in common that says which is better. "
            "Evaluate both with the same version of Calumma, and the same encoder if any."
        )
    summed = [*dict.fromkeys([*_score_metrics(a), *_score_metrics(b)])]
    return both, [*dict.fromkeys([*summed, *both])], summed


def _row_metrics(one: EvaluatedRun) -> tuple[str, ...]:
    for batch in one.read(["metrics"]):
        if len(batch):
            return tuple(batch["metrics"][0].as_py())
    return ()


def _score_metrics(one: EvaluatedRun) -> list[str]:
    scores = read_scores(open_store(one.uri), one.manifest)
    return [score.metric for score in scores if score.slice == ALL]


def _run(one: EvaluatedRun, alone: Unpaired) -> ComparedRun:
    return ComparedRun(
        out=one.uri,
        run_id=one.manifest.run_id,
        results=one.results,
        model=one.manifest.model,
        revision=one.manifest.revision,
        rows=one.rows,
        alone=alone.count,
        first_alone=tuple(alone.first),
    )
