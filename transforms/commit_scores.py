"""The end of an evaluation: scores with intervals, and the commit that publishes them."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import apache_beam as beam

from schemas.arrow import to_table
from schemas.manifest import RunManifest
from schemas.score import ALL, Score
from storage.commit import commit_run
from storage.commit_record import read_manifest
from storage.evaluation.matched import read_plan
from storage.evaluation.settings import EvaluationSettings
from storage.layout import evaluation_path
from storage.part_writer import file_metadata, serialize_table
from storage.parts import SplitRecord
from storage.runs import Run
from storage.store import open_store
from transforms.metrics.code_use import CodeUse
from transforms.metrics.metric import values_of
from transforms.metrics.picture_sets import PictureSets
from transforms.metrics.sums import Sums
from transforms.scorers import TEXTS_CUT, Notes, make_scorer
from transforms.settings import RunSettings


class MakeScores(beam.DoFn):
    """What is known of all rows of a slice in, its scores out."""

    def __init__(self, evaluation: EvaluationSettings) -> None:
        self._evaluation = evaluation

    def process(self, known: tuple[str, Sums | CodeUse | PictureSets]) -> Iterator[Score]:
        """Make the values of the metrics, with intervals."""
        name, whole = known
        if isinstance(whole, Sums):
            values = values_of(make_scorer(self._evaluation).metrics, whole)
        else:
            values = whole.values()
        for value in values:
            has_interval = not math.isnan(value.low)
            yield Score(
                metric=value.metric,
                slice=name,
                value=value.value,
                low=value.low if has_interval else None,
                high=value.high if has_interval else None,
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

    def process(
        self, grouped: tuple[None, Iterable[SplitRecord | Notes | Score]]
    ) -> Iterator[RunManifest]:
        """Stage the scores, and commit."""
        records: list[SplitRecord] = []
        scores: list[Score] = []
        notes: Counter[str] = Counter()
        for item in grouped[1]:
            if isinstance(item, Score):
                scores.append(item)
            elif isinstance(item, Notes):
                notes.update(item.counts)
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
        told: dict[str, object] = {
            "unmatched": plan.unmatched,
            "first_unmatched": list(plan.first_unmatched),
        }
        if self._evaluation.encoded:
            told["texts_cut"] = notes.pop(TEXTS_CUT, 0)
            told["without_vector"] = dict(sorted(notes.items()))
        run = replace(self._run, config={**self._run.config, **told})
        planned = [(split.split_id, split.offset, split.row_count) for split in plan.splits]
        yield commit_run(store, run, planned, records)

    def _sorted(self, scores: list[Score]) -> list[Score]:
        """All rows first, then slice by slice; the metrics in their order."""
        scorer = make_scorer(self._evaluation)
        order = [*(name for metric in scorer.metrics for name in metric.names), *scorer.wholes]
        return sorted(
            scores,
            key=lambda score: (score.slice != ALL, score.slice, order.index(score.metric)),
        )


def _with_scores(record: SplitRecord, path: str) -> SplitRecord:
    parts = tuple(replace(part, files={**part.files, "scores": path}) for part in record.parts)
    return replace(record, parts=parts)
