"""This machine: Beam's FnApiRunner, in this process."""

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner


def local_pipeline() -> beam.Pipeline:
    """A pipeline that runs in this process.

    DirectRunner would choose between runners by the pipeline's content, and may fetch one from
    the network; FnApiRunner is what it would choose here, asked for by name.
    """
    options = PipelineOptions(["--direct_running_mode=in_memory", "--direct_num_workers=1"])
    return beam.Pipeline(runner=FnApiRunner(), options=options)
