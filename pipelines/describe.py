"""The captioning and answering jobs: from a configuration to a committed run."""

import dataclasses
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import apache_beam as beam
from apache_beam.pvalue import PCollection

from models.describing import DecodingSettings
from models.prompts import prompts_for
from models.source import ModelSource, is_embedded, resolve_model
from models.wanted_pixels import wanted_pixels
from pipelines.config import AnswerConfig, CaptionConfig
from pipelines.uris import absolute_uri
from schemas.arrow import SCHEMA_VERSION
from schemas.errors import CatalogError, RunError, UsageError
from schemas.manifest import RunManifest
from storage.catalog.columns import ColumnNames
from storage.catalog.opening import describe_file
from storage.catalog.plan import check_catalog
from storage.commit import read_manifest, roll_forward_last
from storage.decoding.limits import DecodeLimits
from storage.fetching.policy import FetchPolicy
from storage.keys import fingerprint
from storage.layout import staging_folder, stop_path
from storage.questions import build_question_index, question_id_of
from storage.runs import Run, find_unfinished, new_run_id, stage_run, sweep_finished
from storage.store import Store, open_store
from transforms.describe_catalog import DescribeCatalog
from transforms.settings import DescribeSettings, ReadSettings, RunSettings

_MOST_HELPERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job that was checked and can be built.

    Attributes:
        resumed: whether an interrupted run of the same command is gone on with.

    """

    store: Store
    run: Run
    read: ReadSettings
    describe: DescribeSettings
    settings: RunSettings
    resumed: bool

    def build(self, pipeline: beam.Pipeline) -> PCollection[RunManifest]:
        """Add the job to a pipeline."""
        manifest: PCollection[RunManifest] = pipeline | "DescribeCatalog" >> DescribeCatalog(
            read=self.read, describe=self.describe, settings=self.settings, run=self.run
        )
        return manifest

    def manifest(self) -> RunManifest:
        """The committed run's manifest.

        Raises:
            RunError: the pipeline ended without a commit.

        """
        manifest = read_manifest(self.store, self.run.run_id)
        if manifest is None:
            raise RunError("The pipeline ended without a commit. Run the same command again.")
        return manifest


def check_job(catalog: str, config: CaptionConfig | AnswerConfig) -> None:
    """Check what can be checked before anything is written.

    Raises:
        CatalogError: the catalog or the questions file cannot be read as asked.

    """
    check_catalog(absolute_uri(catalog), _column_names(config))


def describe_settings(
    config: CaptionConfig | AnswerConfig, source: ModelSource
) -> DescribeSettings:
    """What the workers need to know of the model and how to ask it."""
    prompts = prompts_for(source)
    questions: tuple[tuple[str, str], ...] = ()
    if isinstance(config, AnswerConfig):
        prompt = config.prompt or prompts.question
        questions = tuple((question_id_of(text), text) for text in dict.fromkeys(config.question))
    else:
        by_style = {"short": prompts.short_caption, "long": prompts.long_caption}
        prompt = config.prompt if config.prompt is not None else by_style[config.style]
    return DescribeSettings(
        source=source,
        decoding=DecodingSettings(
            max_new_tokens=config.max_new_tokens,
            temperature=config.temperature,
            top_p=config.top_p,
        ),
        prompt=prompt,
        questions=questions,
        batch_size=config.batch_size,
        device=config.device or "",
        dtype=config.dtype or "",
    )


def read_settings(
    catalog: str, config: CaptionConfig | AnswerConfig, source: ModelSource
) -> ReadSettings:
    """What the workers need to know of the catalog and its pictures."""
    helpers = config.decode_helpers or min(_MOST_HELPERS, max(1, (os.cpu_count() or 1) // 2))
    return ReadSettings(
        catalog=catalog,
        columns=_column_names(config),
        limit=config.limit,
        policy=FetchPolicy.for_catalog(
            catalog,
            allow_private_addresses=config.allow_private_addresses,
            max_bytes=config.max_picture_bytes,
            max_seconds=config.fetch_seconds,
        ),
        limits=DecodeLimits(
            max_bytes=config.max_picture_bytes,
            max_pixels=config.max_picture_pixels,
            max_seconds=config.max_picture_seconds,
        ),
        wanted_pixels=wanted_pixels(source),
        fetch_threads=config.fetch_threads,
        decode_helpers=helpers,
    )


def job_fingerprint(describe: DescribeSettings) -> bytes:
    """Hash what determines a row's content apart from its asset and question."""
    return fingerprint(
        {
            "asks": describe.asks,
            "revision": describe.source.revision,
            "prompt": describe.prompt,
            "decoding": dataclasses.asdict(describe.decoding),
            "schema": SCHEMA_VERSION,
        }
    )


def prepare_job(catalog: str, out: str, config: CaptionConfig | AnswerConfig) -> Job:
    """Check the configuration, find the model and begin a run, or find the one to go on with.

    To be called with the output's lock held.

    Raises:
        CalummaError: the catalog, the model or the output cannot serve.

    """
    catalog, out = absolute_uri(catalog), absolute_uri(out)
    if catalog.rstrip("/") == out.rstrip("/"):
        raise UsageError("OUT is the catalog itself. Name another folder for the results.")
    check_job(catalog, config)
    source = resolve_model(
        config.model, config.revision, trust_remote_code=config.trust_remote_code
    )
    store = open_store(out)
    describe = describe_settings(config, source)
    questions = ""
    if isinstance(config, AnswerConfig) and config.questions:
        questions = absolute_uri(config.questions)
        describe = dataclasses.replace(describe, question_index="pending")
    hashed = job_fingerprint(describe)
    job = "answer" if describe.asks else "caption"
    resume_key = fingerprint(
        {
            "fingerprint": hashed.hex(),
            "catalog": catalog,
            "columns": dataclasses.asdict(config.columns),
            "limit": config.limit,
            "question": list(describe.questions),
            "questions": questions and _identity_of(questions),
            "only_failed": config.only_failed,
        }
    ).hex()
    base = roll_forward_last(store)
    sweep_finished(store)
    run = find_unfinished(store, resume_key)
    resumed = run is not None
    asked = _config_of(catalog, out, config, describe.prompt)
    if run is not None:
        # What may differ from when it began: batch size, limits. And it may have been stopped.
        run = dataclasses.replace(run, config=asked)
        store.delete(stop_path(run.run_id))
    else:
        now = time.time()
        run = Run(
            run_id=new_run_id(now),
            job=job,
            table=f"{job}s",
            fingerprint=hashed.hex(),
            resume_key=resume_key,
            config=asked,
            model=source.name,
            revision=source.revision,
            versions=_versions(),
            base=base,
            only_failed=config.only_failed,
            started=now,
        )
    if questions:
        path = f"{staging_folder(run.run_id)}/questions-{run.run_id}.sqlite"
        _stage_questions(store, questions, path)
        describe = dataclasses.replace(describe, question_index=path)
    stage_run(store, run)
    return Job(
        store=store,
        run=run,
        read=read_settings(catalog, config, source),
        describe=describe,
        settings=RunSettings(
            out=out,
            run_id=run.run_id,
            version=version("calumma"),
            known_upto=base,
            max_failure_rate=config.max_failure_rate,
        ),
        resumed=resumed,
    )


def is_demonstration(job: Job) -> bool:
    """Whether the job runs the model inside the package."""
    return is_embedded(job.describe.source)


def _stage_questions(store: Store, questions: str, path: str) -> None:
    if store.exists(path):
        return
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "questions.sqlite"
        build_question_index(questions, index)
        store.put(path, index.read_bytes())


def _identity_of(questions: str) -> str:
    try:
        return describe_file(questions).identity
    except FileNotFoundError:
        raise CatalogError(f"There is no {questions}.") from None


def _column_names(config: CaptionConfig | AnswerConfig) -> ColumnNames:
    return ColumnNames(**dataclasses.asdict(config.columns))


def _config_of(
    catalog: str, out: str, config: CaptionConfig | AnswerConfig, prompt: str
) -> dict[str, object]:
    return {"catalog": catalog, "out": out, **dataclasses.asdict(config), "prompt": prompt}


def _versions() -> dict[str, str]:
    names = ("calumma", "apache-beam", "torch", "transformers")
    versions = {name: version(name) for name in names}
    return {**versions, "schema": str(SCHEMA_VERSION), "python": platform.python_version()}
