"""A whole evaluation as one transform: one pass over the rows, or two where n-grams are weighed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection

from schemas.manifest import RunManifest
from storage.evaluation.matching import MatchedSplit
from storage.evaluation.settings import EvaluationSettings
from storage.runs import Run
from transforms.commit_scores import CommitScores, MakeScores
from transforms.metrics.combine import AddFrequencies, AddSums
from transforms.plan_evaluation import CountDocuments, PlanEvaluation, StageFrequencies
from transforms.score_results import ScoreResults
from transforms.settings import RunSettings


@dataclass(kw_only=True, eq=False)
class EvaluateResults(beam.PTransform[PBegin, PCollection[RunManifest]]):
    """Score captions or answers, with intervals and by slices, into an output.

    Gives the manifest of the committed run, one element.
    """

    evaluation: EvaluationSettings
    settings: RunSettings
    run: Run
    resource_hints: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, begin: PBegin) -> PCollection[RunManifest]:
        """Match rows, count n-grams if captions are scored, score, add up, commit."""
        splits = (
            begin
            | "Evaluation" >> beam.Create([self.evaluation])
            | "PlanEvaluation" >> beam.ParDo(PlanEvaluation(settings=self.settings, run=self.run))
            | "ShuffleSplits" >> beam.Reshuffle()
        )
        scored = (
            self._located(splits)
            | "ShuffleLocated" >> beam.Reshuffle()
            | "ScoreResults"
            >> beam.ParDo(
                ScoreResults(kind=self.evaluation.kind, settings=self.settings)
            ).with_outputs(ScoreResults.SUMS, main="records")
        )
        scores = (
            scored[ScoreResults.SUMS]
            | "AddSums" >> beam.CombinePerKey(AddSums())  # type: ignore[no-untyped-call]
            | "MakeScores" >> beam.ParDo(MakeScores(self.evaluation))
        )
        manifest: PCollection[RunManifest] = (
            (scored["records"], scores)
            | "RecordsAndScores" >> beam.Flatten()
            | "Together" >> beam.WithKeys(None)
            | "ShuffleRecords" >> beam.GroupByKey()
            | "Commit"
            >> beam.ParDo(
                CommitScores(evaluation=self.evaluation, settings=self.settings, run=self.run)
            )
        )
        return manifest

    def _located(self, splits: PCollection[MatchedSplit]) -> PCollection[tuple[str, MatchedSplit]]:
        """The splits, with where the frequencies of all n-grams are; nowhere for answers."""
        located: PCollection[tuple[str, MatchedSplit]]
        if self.evaluation.kind == "answers":
            located = splits | "WithoutFrequencies" >> beam.Map(lambda split: ("", split))
            return located
        located = (
            splits
            | "CountDocuments" >> beam.ParDo(CountDocuments(self.settings))
            | "AddFrequencies" >> beam.CombinePerKey(AddFrequencies())  # type: ignore[no-untyped-call]
            | "StageFrequencies" >> beam.ParDo(StageFrequencies(self.settings))
        )
        return located
