"""The jobs over a catalog: from a configuration to a committed run."""

import dataclasses
import platform
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import apache_beam as beam
from apache_beam.pvalue import PCollection

from models.source import is_embedded
from pipelines.assemble_settings import check_folder
from pipelines.config import AnswerConfig, JobConfig
from pipelines.picture_folders import picture_folders
from pipelines.settings import check_job, read_settings, work_settings
from pipelines.watch_staging import StagingWatch
from schemas.arrow import SCHEMA_VERSION
from schemas.errors import CatalogError, RunError, UsageError
from schemas.manifest import RunManifest
from storage.catalog.opening import describe_file
from storage.commit import roll_forward_last
from storage.commit_record import read_manifest
from storage.duplicates.record import read_record
from storage.export_plan import count_unwritten
from storage.keys import fingerprint
from storage.layout import staging_folder, stop_path
from storage.list_kept import list_last
from storage.questions import build_question_index
from storage.runs import Run, find_unfinished, new_run_id, stage_run, sweep_finished
from storage.staged import forget_plan
from storage.store import Store, open_store
from storage.uris import absolute_uri
from storage.verdict_record import read_verdicts
from transforms.catalog_job import CatalogJob
from transforms.documents.settings import AssembleSettings
from transforms.fingerprint import job_fingerprint
from transforms.outcome_rows import job_of, table_of
from transforms.settings import (
    DescribeSettings,
    FilterSettings,
    GenerateSettings,
    ReadSettings,
    RunSettings,
    SignSettings,
    WorkSettings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job that was checked and can be built.

    Attributes:
        resumed: whether an interrupted run of the same command is gone on with.

    """

    store: Store
    run: Run
    read: ReadSettings
    work: WorkSettings
    settings: RunSettings
    resumed: bool

    def build(
        self, pipeline: beam.Pipeline, resource_hints: Mapping[str, str] | None = None
    ) -> PCollection[RunManifest]:
        """Add the job to a pipeline, with hints of what its heavy steps need."""
        manifest: PCollection[RunManifest] = pipeline | "CatalogJob" >> CatalogJob(
            read=self.read,
            work=self.work,
            settings=self.settings,
            run=self.run,
            resource_hints=resource_hints or {},
        )
        return manifest

    @property
    def out(self) -> str:
        """Where it writes."""
        return self.settings.out

    @property
    def is_demonstration(self) -> bool:
        """Whether it runs a model of the package."""
        return is_embedded(self.work.source)

    def watch(self) -> StagingWatch:
        """A watch of its progress, from what is staged."""
        return StagingWatch(self.store, self.run, self.settings, lambda: self.is_finished)

    def manifest(self) -> RunManifest:
        """The committed run's manifest.

        Raises:
            RunError: the pipeline ended without a commit.

        """
        manifest = read_manifest(self.store, self.run.run_id)
        if manifest is None:
            raise RunError("The pipeline ended without a commit. Run the same command again.")
        if not self._is_searched(manifest):
            raise RunError(
                "The pictures are signed and committed, but the search for duplicates among them "
                "did not end. Run the same command again: it does only that."
            )
        if not self._is_listed(manifest):
            raise RunError(
                "The verdicts are committed, but the list of what is kept was not written. Run the "
                "same command again: it does only that."
            )
        if not self._is_exported(manifest):
            raise RunError(
                "The pictures are committed, but not all of them are written to "
                f"{' and '.join(filter(None, dataclasses.astuple(self.settings.folders)))}. Run "
                "the same command again: it does only that."
            )
        return manifest

    @property
    def is_finished(self) -> bool:
        """Whether nothing of it is left to do, whoever did it."""
        manifest = read_manifest(self.store, self.run.run_id)
        return (
            manifest is not None
            and self._is_searched(manifest)
            and self._is_listed(manifest)
            and self._is_exported(manifest)
        )

    def _is_exported(self, manifest: RunManifest) -> bool:
        return count_unwritten(self.store, manifest.table, self.settings.folders) == 0

    def _is_searched(self, manifest: RunManifest) -> bool:
        if not isinstance(self.work, SignSettings) or manifest.state != "done":
            return True
        return read_record(self.store, manifest.commit) is not None

    def _is_listed(self, manifest: RunManifest) -> bool:
        if not isinstance(self.work, FilterSettings) or manifest.state != "done":
            return True
        return read_verdicts(self.store, manifest.commit) is not None


def prepare_job(catalog: str, out: str, config: JobConfig, *, runner: str = "local") -> Job:
    """Check the configuration, find the model and begin a run, or find the one to go on with.

    To be called with the output's lock held.

    Raises:
        CalummaError: the catalog, the model or the output cannot serve.

    """
    catalog, out = absolute_uri(catalog), absolute_uri(out)
    if catalog.rstrip("/") == out.rstrip("/"):
        raise UsageError("OUT is the catalog itself. Name another folder for the results.")
    check_job(catalog, config)
    folders = picture_folders(config)
    work = work_settings(catalog, config)
    store = open_store(out)
    read = read_settings(catalog, config, work)
    questions = ""
    if isinstance(config, AnswerConfig) and config.questions:
        questions = absolute_uri(config.questions)
        work = asking(work, "pending")
    hashed = job_fingerprint(work).hex()
    resume_key = fingerprint(
        {
            "fingerprint": hashed,
            "catalog": catalog,
            "columns": dataclasses.asdict(config.columns),
            "limit": config.limit,
            "question": list(work.questions),
            # More of them are more rows of what is otherwise the same.
            **({"samples": work.requests.samples} if isinstance(work, GenerateSettings) else {}),
            **({"copies": work.copies} if isinstance(work, AssembleSettings) else {}),
            "questions": questions and _identity_of(questions),
            "only_failed": config.only_failed,
            **({"pictures": config.pictures} if config.pictures else {}),
            **({"keep": [dataclasses.asdict(one) for one in read.keep]} if read.keep else {}),
        }
    ).hex()
    base = roll_forward_last(store)
    if isinstance(work, FilterSettings):
        list_last(store)
    sweep_finished(store)
    run = find_unfinished(store, resume_key)
    resumed = run is not None
    asked = {**_config_of(catalog, out, config, work.prompt), "runner": runner}
    if isinstance(work, DescribeSettings | GenerateSettings) and work.examples is not None:
        asked["index_version"] = work.examples.retrieve.index_version
    if isinstance(work, AssembleSettings):
        asked["fingerprint"] = hashed
        check_folder(store, catalog, config.template, hashed)  # type: ignore[union-attr]
    if isinstance(work, FilterSettings):
        asked["rules"] = work.digest
    if run is not None:
        # What may differ from when it began: batch size, limits. And it may have been stopped.
        run = dataclasses.replace(run, config=asked)
        store.delete(stop_path(run.run_id))
        forget_plan(store, run.run_id)
    else:
        run = new_run(work, hashed, asked, resume_key, base, only_failed=config.only_failed)
    if questions:
        path = f"{staging_folder(run.run_id)}/questions-{run.run_id}.sqlite"
        _stage_questions(store, questions, path)
        work = asking(work, path)
    stage_run(store, run)
    return Job(
        store=store,
        run=run,
        read=read,
        work=work,
        settings=RunSettings(
            out=out,
            run_id=run.run_id,
            version=version("calumma"),
            known_upto=base,
            max_failure_rate=config.max_failure_rate,
            folders=folders,
        ),
        resumed=resumed,
    )


def new_run(
    work: WorkSettings,
    hashed: str,
    config: Mapping[str, object],
    resume_key: str,
    base: int,
    *,
    only_failed: bool,
) -> Run:
    """A run that begins now; nothing is written.

    Args:
        hashed: the job's fingerprint, in hexadecimal digits.

    """
    now = time.time()
    return Run(
        run_id=new_run_id(now),
        job=job_of(work),
        table=table_of(work),
        fingerprint=hashed,
        resume_key=resume_key,
        config=config,
        model=work.source.name,
        revision=work.source.revision,
        versions=_versions(),
        base=base,
        only_failed=only_failed,
        started=now,
    )


def asking(work: WorkSettings, index: str) -> DescribeSettings:
    """The work with the questions of an index asked."""
    assert isinstance(work, DescribeSettings)
    return dataclasses.replace(work, question_index=index)


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


def _config_of(catalog: str, out: str, config: JobConfig, prompt: str) -> dict[str, object]:
    return {"catalog": catalog, "out": out, **dataclasses.asdict(config), "prompt": prompt}


def _versions() -> dict[str, str]:
    names = ("calumma", "apache-beam", "torch", "transformers")
    versions = {name: version(name) for name in names}
    return {**versions, "schema": str(SCHEMA_VERSION), "python": platform.python_version()}
