"""How long a job of this process takes."""

import time

from pipelines.job import Job
from runners.local import local_pipeline
from transforms.tally import tally_of


def job_seconds(job: Job) -> float:
    """Run a prepared job on the local runner; give its time without the loading of its model."""
    pipeline = local_pipeline()
    job.build(pipeline)
    started = time.perf_counter()
    pipeline.run().wait_until_finish()
    seconds = time.perf_counter() - started
    assert job.manifest().counts.failed == 0
    return seconds - tally_of(job.run.run_id).load_seconds
