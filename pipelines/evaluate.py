"""The evaluation job: from results and references to a committed table of scores."""

import dataclasses
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import apache_beam as beam

from pipelines.attend import attend
from pipelines.evaluate_config import EvaluateConfig
from pipelines.evaluate_settings import evaluation_settings
from pipelines.failures import as_calumma_error
from pipelines.locked_output import locked_output
from pipelines.progress import Progress
from pipelines.watch_staging import StagingWatch
from runners.engine import Engine
from schemas.arrow import SCHEMA_VERSION
from schemas.errors import CalummaError, RunError, UsageError
from schemas.manifest import RunManifest
from storage.catalog.opening import describe_file
from storage.commit import roll_forward_last
from storage.commit_record import read_manifest
from storage.evaluation.scores import read_scores
from storage.evaluation.settings import EvaluationSettings
from storage.keys import fingerprint
from storage.runs import Run, find_unfinished, new_run_id, stage_run, sweep_finished
from storage.staged import forget_plan
from storage.store import Store, open_store
from storage.uris import absolute_uri
from transforms.evaluate import EvaluateResults
from transforms.settings import EncoderSettings, RunSettings
from transforms.tally import begin_tally


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationJob:
    """An evaluation that was checked and can be launched."""

    store: Store
    run: Run
    evaluation: EvaluationSettings
    settings: RunSettings
    resumed: bool
    encoder: EncoderSettings | None = None
    is_demonstration: bool = False

    @property
    def out(self) -> str:
        """Where it writes."""
        return self.settings.out

    def build(self, pipeline: beam.Pipeline, resource_hints: Mapping[str, str]) -> Any:
        """Add the evaluation to a pipeline. A GPU is of use to its encoder only."""
        return pipeline | "Evaluate" >> EvaluateResults(
            evaluation=self.evaluation,
            settings=self.settings,
            run=self.run,
            encoder=self.encoder,
            resource_hints=resource_hints,
        )

    def watch(self) -> StagingWatch:
        """A watch of its progress, from what is staged."""
        return StagingWatch(self.store, self.run, self.settings)


def evaluate_results(
    results: str, out: str, config: EvaluateConfig, engine: Engine, progress: Progress
) -> RunManifest:
    """Evaluate results.

    Args:
        engine: where it can run: see :func:`pipelines.open_engine.check_engine`.

    Returns:
        The manifest of the committed run.

    Raises:
        CalummaError: they cannot be evaluated.
    """
    with _prepared(results, out, config, engine) as job:
        run_id = job.run.run_id
        progress.begin(
            run_id, resumed=job.resumed, things="rows", first="results, references", last="scores"
        )
        try:
            attend(job, engine, progress, begin_tally(run_id))
        except CalummaError:
            # A launcher that was thought dead finds its run finished by another: all is well.
            if read_manifest(job.store, run_id) is None:
                raise
        manifest = read_manifest(job.store, run_id)
    if manifest is None:
        raise RunError("The pipeline ended without a commit. Run the same command again.")
    return manifest


def hand_over_evaluation(results: str, out: str, config: EvaluateConfig, engine: Engine) -> str:
    """Give the pipeline of an evaluation away, to be done by others and not waited for.

    Returns:
        The run's id.

    Raises:
        CalummaError: it cannot be prepared or given away.
    """
    with _prepared(results, out, config, engine) as job:
        attend(job, engine, Progress(quiet=True), begin_tally(job.run.run_id))
        return job.run.run_id


def evaluation_json(manifest: RunManifest, out: str) -> dict[str, object]:
    """A manifest with its scores, for ``--json``."""
    scores = read_scores(open_store(absolute_uri(out)), manifest)
    return {**dataclasses.asdict(manifest), "scores": [dataclasses.asdict(one) for one in scores]}


@contextmanager
def _prepared(
    results: str, out: str, config: EvaluateConfig, engine: Engine
) -> Iterator[EvaluationJob]:
    """An evaluation, while its output is locked."""
    results, out = absolute_uri(results), absolute_uri(out)
    if results.rstrip("/") == out.rstrip("/"):
        raise UsageError("OUT holds the results themselves. Name another folder for the scores.")
    try:
        evaluation, encoder = evaluation_settings(results, config)
        compared = _identity_of(evaluation)
    except OSError as error:
        raise as_calumma_error(error, results) from error
    if encoder is not None and "accelerator" in engine.resource_hints():
        # An encoder that found no GPU would do on the processor, at the GPU's price.
        encoder = dataclasses.replace(encoder, device=config.device or "cuda")
    with locked_output(out) as store:
        asked: dict[str, object] = {
            "results": results,
            "out": out,
            **dataclasses.asdict(config),
            "kind": evaluation.kind,
            # Scores of two encoders cannot be compared.
            "encoder_model": encoder.source.name if encoder else None,
            "encoder_revision": encoder.source.revision if encoder else None,
        }
        job = _prepare(store, asked, compared, evaluation, engine.name)
        yield dataclasses.replace(job, encoder=encoder)


def _prepare(
    store: Store,
    asked: Mapping[str, object],
    compared: str,
    evaluation: EvaluationSettings,
    runner: str,
) -> EvaluationJob:
    """Begin a run, or find the one of the same files to go on with.

    Args:
        asked: what determines the scores, files aside.
        compared: what changes when the references do.

    """
    resume_key = fingerprint(
        {
            **asked,
            "job": "evaluate",
            "results_identity": evaluation.results.identity,
            "references_identity": compared,
        }
    ).hex()
    base = roll_forward_last(store)
    sweep_finished(store)
    run = find_unfinished(store, resume_key)
    resumed = run is not None
    if run is None:
        now = time.time()
        run = Run(
            run_id=new_run_id(now),
            job="evaluate",
            table="row_scores",
            fingerprint=fingerprint({"job": "evaluate", "schema": SCHEMA_VERSION}).hex(),
            resume_key=resume_key,
            config={**asked, "runner": runner},
            model=evaluation.results.model,
            revision=evaluation.results.revision,
            versions={
                **{name: version(name) for name in ("calumma", "apache-beam", "numpy")},
                "schema": str(SCHEMA_VERSION),
                "python": platform.python_version(),
            },
            base=base,
            only_failed=False,
            started=now,
        )
    forget_plan(store, run.run_id)
    stage_run(store, run)
    return EvaluationJob(
        store=store,
        run=run,
        evaluation=evaluation,
        # Nothing is lost by failures here: how many are too many is for who reads the scores.
        settings=RunSettings(
            out=str(asked["out"]),
            run_id=run.run_id,
            version=version("calumma"),
            known_upto=base,
            max_failure_rate=1.0,
        ),
        resumed=resumed,
    )


def _identity_of(evaluation: EvaluationSettings) -> str:
    """What changes when the references do."""
    if evaluation.reference_set is not None:
        runs = evaluation.reference_set.runs
        return f"{runs.uri} {runs.commit}"
    if not evaluation.references:
        return ""
    try:
        return describe_file(evaluation.references).identity
    except FileNotFoundError:
        raise UsageError(f"There is no {evaluation.references}.") from None
