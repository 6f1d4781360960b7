"""The end of an evaluation: scores with intervals, and the commit that publishes them."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import apache_beam as beam

from schemas.arrow import to_table
from schemas.manifest import RunManifest
from schemas.score import ALL, Score
from storage.commit import commit_run
from storage.commit_record import read_manifest
from storage.evaluation.matched import read_plan
from storage.evaluation.references import Kind
from storage.evaluation.settings import EvaluationSettings
from storage.layout import evaluation_path
from storage.part_writer import file_metadata, serialize_table
from storage.parts import SplitRecord
from storage.runs import Run
from storage.store import open_store
from transforms.metrics.answers import ANSWER_METRICS
from transforms.metrics.captions import CAPTION_METRICS
from transforms.metrics.metric import Metric, values_of
from transforms.metrics.sums import Sums
from transforms.settings import RunSettings


def metrics_of(kind: Kind) -> tuple[Metric, ...]:
    """What results of a kind are scored by."""
    return ANSWER_METRICS if kind == "answers" else CAPTION_METRICS


class MakeScores(beam.DoFn):
    """The sums of a slice in, its scores out."""

    def __init__(self, evaluation: EvaluationSettings) -> None:
        self._evaluation = evaluation

    def process(self, summed: tuple[str, Sums]) -> Iterator[Score]:
        """Make the values of the metrics, with intervals."""
        name, sums = summed
        for value in values_of(metrics_of(self._evaluation.kind), sums):
            known = not math.isnan(value.low)
            yield Score(
                metric=value.metric,
                slice=name,
                value=value.value,
                low=value.low if known else None,
                high=value.high if known else None,
                count=value.count,
                model=self._evaluation.results.model,
                revision=self._evaluation.results.revision,
            )


class CommitScores(beam.DoFn):
    """All scores and records of splits in, the manifest out; it may run any number of times."""

    def __init__(self, *, evaluation: EvaluationSettings, settings: RunSettings, run: Run) -> None:
        self._evaluation = evaluation
        self._settings = settings
        self._run = run

    def process(self, grouped: tuple[None, Iterable[SplitRecord | Score]]) -> Iterator[RunManifest]:
        """Stage the scores, and commit."""
        records: list[SplitRecord] = []
        scores: list[Score] = []
        for item in grouped[1]:
            if isinstance(item, Score):
                scores.append(item)
            else:
                records.append(item)
        store = open_store(self._settings.out)
        finished = read_manifest(store, self._run.run_id)
        if finished is not None:
            yield finished
            return
        plan = read_plan(store, self._run.run_id)
        path = evaluation_path(self._run.run_id, "scores.parquet")
        metadata = file_metadata(self._run.run_id, self._settings.version)
        store.put(path, serialize_table(to_table(Score, self._sorted(scores)), metadata))
        first = min(records, key=lambda record: record.offset)
        records = [
            _with_scores(record, path) if record.split_id == first.split_id else record
            for record in records
        ]
        told = {"unmatched": plan.unmatched, "first_unmatched": list(plan.first_unmatched)}
        run = replace(self._run, config={**self._run.config, **told})
        planned = [(split.split_id, split.offset, split.row_count) for split in plan.splits]
        yield commit_run(store, run, planned, records)

    def _sorted(self, scores: list[Score]) -> list[Score]:
        """All rows first, then slice by slice; the metrics in their order."""
        order = [name for metric in metrics_of(self._evaluation.kind) for name in metric.names]
        return sorted(
            scores,
            key=lambda score: (score.slice != ALL, score.slice, order.index(score.metric)),
        )


def _with_scores(record: SplitRecord, path: str) -> SplitRecord:
    parts = tuple(replace(part, files={**part.files, "scores": path}) for part in record.parts)
    return replace(record, parts=parts)
