"""Running a job on Dataflow."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from runners.dataflow.checks import (
    check_credentials,
    check_options,
    check_packages,
    check_shared,
)
from runners.dataflow.options import DataflowOptions
from runners.engine import Engine, ServiceRequest

if TYPE_CHECKING:
    import apache_beam as beam
    from apache_beam.runners.runner import PipelineResult


class DataflowEngine(Engine):
    """Runs a job on Google Cloud Dataflow.

    A GPU is asked for by a hint on the steps that do the work, so only the machines that run the
    model have one; the others plan and commit.
    """

    name: ClassVar[str] = "dataflow"

    def __init__(
        self, options: DataflowOptions | None = None, beam_options: Sequence[str] = ()
    ) -> None:
        self._options = options or DataflowOptions()
        self._beam_options = tuple(beam_options)

    @property
    def waits(self) -> bool:
        """Not for a template's launch: there the job is written down, and started by others."""
        return not any(option.startswith("--template_location") for option in self._beam_options)

    def check(self, out: str, reaches: Mapping[str, str] | None = None) -> None:
        """Check the options, that Google's packages are installed, and for credentials."""
        check_options(self._options)
        check_shared(out, "an output")
        for what, uri in (reaches or {}).items():
            check_shared(uri, what)
        check_packages()
        if "--no_auth" not in self._beam_options:
            check_credentials()

    def pipeline(self) -> "beam.Pipeline":
        """A pipeline that is submitted to the service."""
        return self._new_pipeline()

    def offline_pipeline(self) -> "beam.Pipeline":
        """A pipeline as it would be submitted; the service and its storage are left alone."""
        return self._new_pipeline("--dry_run=True", "--no_auth")

    def request(self, pipeline: "beam.Pipeline") -> ServiceRequest | None:
        """The job as the service would get it: see :func:`runners.dataflow.request.request_for`."""
        from runners.dataflow.request import request_for

        return request_for(pipeline)

    def page(self, result: "PipelineResult") -> str | None:
        """The job's page in Google's console; a template's launch starts no job that has one."""
        if not self.waits:
            return None
        job: Any = result
        return (
            f"https://console.cloud.google.com/dataflow/jobs/{self._options.region}/"
            f"{job.job_id()}?project={self._options.project}"
        )

    def resource_hints(self) -> Mapping[str, str]:
        """The GPU, with its machine and driver."""
        options = self._options
        if options.dataflow_gpu is None:
            return {}
        parts = [f"type:{options.dataflow_gpu}", "count:1"]
        if options.dataflow_machine:
            parts.append(f"machine_type:{options.dataflow_machine}")
        driver = options.dataflow_gpu_driver
        parts.append(f"install-nvidia-driver:{driver}" if driver else "install-nvidia-driver")
        return {"accelerator": ";".join(parts)}

    def asks_for(self) -> Mapping[str, str]:
        """Where, whose image, how many machines of which kind."""
        options = self._options
        machine = options.dataflow_machine or "the service's choice"
        return {
            "project": f"{options.project} in {options.region}",
            "image": str(options.dataflow_image),
            "workers": f"{options.dataflow_max_workers} at most, {options.dataflow_disk_gb} GB of "
            f"disk, one process of {options.dataflow_threads} threads",
            "machine": machine if options.dataflow_gpu is None else f"{machine}, for the model",
            "gpu": f"one {options.dataflow_gpu}, for the model" if options.dataflow_gpu else "none",
        }

    def _new_pipeline(self, *more: str) -> "beam.Pipeline":
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
        from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner

        # What was given to Beam itself comes last, for it wins.
        options = PipelineOptions([*self._own_options(), *self._beam_options, *more])
        return beam.Pipeline(runner=DataflowRunner(), options=options)

    def _own_options(self) -> list[str]:
        options = self._options
        temp_location = str(options.temp_location)
        if temp_location.count("/") == len("//"):
            # Beam takes a bucket by itself only with the slash.
            temp_location += "/"
        given: dict[str, object] = {
            "project": options.project,
            "region": options.region,
            "temp_location": temp_location,
            "job_name": f"calumma-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}",
            "sdk_container_image": options.dataflow_image,
            # The image holds Beam and Calumma: nothing is installed when a worker starts.
            "sdk_location": "container",
            "service_account_email": options.dataflow_service_account,
            "max_num_workers": options.dataflow_max_workers,
            "disk_size_gb": options.dataflow_disk_gb,
            "number_of_worker_harness_threads": options.dataflow_threads,
            # The service would start a process for each core, and each would load the model.
            "experiments": "no_use_multiple_sdk_containers",
        }
        if options.dataflow_gpu is None:
            given["machine_type"] = options.dataflow_machine
        flags = [f"--{name}={value}" for name, value in given.items() if value is not None]
        # No step is defined in the program that launches.
        return [*flags, "--no_save_main_session"]
