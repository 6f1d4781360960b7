"""A whole evaluation as one transform: one pass over the rows, or two where n-grams are weighed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection

from schemas.manifest import RunManifest
from storage.evaluation.matching import MatchedSplit
from storage.evaluation.settings import EvaluationSettings
from storage.runs import Run
from transforms.commit_scores import CommitScores, MakeScores
from transforms.measure_references import MeasureReferences, PlanReferences
from transforms.metrics.combine import AddFrequencies, AddSums
from transforms.metrics.picture_sets import PictureSets
from transforms.plan_evaluation import CountDocuments, PlanEvaluation, StageFrequencies
from transforms.score_results import ScoreResults
from transforms.settings import EncoderSettings, RunSettings


@dataclass(kw_only=True, eq=False)
class EvaluateResults(beam.PTransform[PBegin, PCollection[RunManifest]]):
    """Score results of one kind, with intervals and by slices, into an output.

    Gives the manifest of the committed run, one element.

    Attributes:
        encoder: embeds what is to be scored by vectors; None unless that is asked for.
        resource_hints: Beam's, such as ``accelerator``, for the step that embeds.

    """

    evaluation: EvaluationSettings
    settings: RunSettings
    run: Run
    encoder: EncoderSettings | None = None
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
            | "ScoreResults" >> self._scoring()
        )
        wholes = (scored[ScoreResults.WHOLES], *self._references(begin))
        scores = (
            (
                scored[ScoreResults.SUMS] | "AddSums" >> beam.CombinePerKey(AddSums()),  # type: ignore[no-untyped-call]
                wholes | "Wholes" >> beam.Flatten() | "AddWholes" >> beam.CombinePerKey(AddSums()),  # type: ignore[no-untyped-call]
            )
            | "SumsAndWholes" >> beam.Flatten()
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

    def _scoring(self) -> beam.PTransform[PCollection[tuple[str, MatchedSplit]], Any]:
        step: Any = beam.ParDo(
            ScoreResults(evaluation=self.evaluation, settings=self.settings, encoder=self.encoder)
        )
        if self.encoder is not None and self.resource_hints:
            step = step.with_resource_hints(**self.resource_hints)
        outputs: beam.PTransform[PCollection[tuple[str, MatchedSplit]], Any] = step.with_outputs(
            ScoreResults.SUMS, ScoreResults.WHOLES, main="records"
        )
        return outputs

    def _references(self, begin: PBegin) -> tuple[PCollection[tuple[str, PictureSets]], ...]:
        """What is known of the reference pictures' vectors; nothing where there are none."""
        reference = self.evaluation.reference_set
        if reference is None:
            return ()
        return (
            begin
            | "ReferenceSet" >> beam.Create([reference])
            | "PlanReferences" >> beam.ParDo(PlanReferences())  # type: ignore[no-untyped-call]
            | "ShuffleReferences" >> beam.Reshuffle()
            | "MeasureReferences" >> beam.ParDo(MeasureReferences(reference)),
        )

    def _located(self, splits: PCollection[MatchedSplit]) -> PCollection[tuple[str, MatchedSplit]]:
        """The splits, with where the frequencies of all n-grams are; nowhere but for captions."""
        located: PCollection[tuple[str, MatchedSplit]]
        if self.evaluation.kind != "captions":
            located = splits | "WithoutFrequencies" >> beam.Map(lambda split: ("", split))
            return located
        located = (
            splits
            | "CountDocuments" >> beam.ParDo(CountDocuments(self.settings))
            | "AddFrequencies" >> beam.CombinePerKey(AddFrequencies())  # type: ignore[no-untyped-call]
            | "StageFrequencies" >> beam.ParDo(StageFrequencies(self.settings))
        )
        return located
