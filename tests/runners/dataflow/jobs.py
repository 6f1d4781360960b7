"""Dataflow's options as tests need them, and the captioning job in a pipeline."""

from pathlib import Path
from typing import Any

import apache_beam as beam

from runners.dataflow.options import DataflowOptions
from runners.engine import Engine
from tests.storage.rows import a_run
from tests.transforms.work import describe_settings, read_settings, run_settings
from transforms.catalog_job import CatalogJob

IMAGE = "us-central1-docker.pkg.dev/my-project/images/calumma:1"
OUT = "gs://my-bucket/out"
GPU = {"dataflow_gpu": "nvidia-l4", "dataflow_machine": "g2-standard-8"}
HINT = "type:nvidia-l4;count:1;machine_type:g2-standard-8;install-nvidia-driver"


def options(**changes: Any) -> DataflowOptions:
    given: dict[str, Any] = {
        "project": "my-project",
        "region": "us-central1",
        "temp_location": "gs://my-bucket/temp",
        "dataflow_image": IMAGE,
        **changes,
    }
    return DataflowOptions(**given)


def add_job(engine: Engine, pipeline: beam.Pipeline) -> beam.Pipeline:
    """Put the captioning job into a pipeline, as a launcher does."""
    run = a_run()
    pipeline | "CatalogJob" >> CatalogJob(
        read=read_settings(Path("catalog.parquet")),
        work=describe_settings(),
        settings=run_settings(Path("out"), run.run_id),
        run=run,
        resource_hints=engine.resource_hints(),
    )
    return pipeline


def offline_job(engine: Engine) -> beam.Pipeline:
    """The captioning job in a pipeline that is to be looked at."""
    return add_job(engine, engine.offline_pipeline())
