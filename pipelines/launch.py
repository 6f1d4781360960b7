"""Launching a job: lock the output, prepare the run, see it through, give its manifest."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.attend import attend
from pipelines.config import JobConfig
from pipelines.job import Job, prepare_job
from pipelines.locked_output import locked_output
from pipelines.progress import Progress
from runners.engine import Engine
from schemas.errors import CalummaError
from schemas.manifest import RunManifest
from storage.uris import absolute_uri
from transforms.tally import Tally, begin_tally


def launch(
    catalog: str,
    out: str,
    config: JobConfig,
    engine: Engine,
    progress: Progress,
) -> tuple[RunManifest, Tally]:
    """Run a job to its end.

    Args:
        engine: where it can run: see :func:`pipelines.open_engine.check_engine`.

    Returns:
        The manifest, and the counts and times that this process has seen.

    Raises:
        CalummaError: the job cannot be run, or failed.
    """
    with _prepared(catalog, out, config, engine) as job:
        tally = begin_tally(job.run.run_id)
        progress.begin(job.run.run_id, resumed=job.resumed)
        try:
            attend(job, engine, progress, tally)
        except CalummaError:
            # A launcher that was thought dead finds its run finished by another: all is well.
            if not job.is_finished:
                raise
        return job.manifest(), tally


def hand_over(catalog: str, out: str, config: JobConfig, engine: Engine) -> str:
    """Begin a run and give its pipeline away, to be done by others and not waited for.

    Returns:
        The run's id.

    Raises:
        CalummaError: the job cannot be prepared or given away.
    """
    with _prepared(catalog, out, config, engine) as job:
        attend(job, engine, Progress(quiet=True), begin_tally(job.run.run_id))
        return job.run.run_id


@contextmanager
def _prepared(catalog: str, out: str, config: JobConfig, engine: Engine) -> Iterator[Job]:
    """A job's run, while its output is locked."""
    with locked_output(absolute_uri(out)):
        yield prepare_job(catalog, out, with_device(config, engine), runner=engine.name)


def with_device(config: JobConfig, engine: Engine) -> JobConfig:
    """Where a GPU is asked for, demand it: a model that found none would do on the processor,
    slowly, at the GPU's price.
    """
    if "accelerator" in engine.resource_hints() and config.device is None:
        return dataclasses.replace(config, device="cuda")
    return config
