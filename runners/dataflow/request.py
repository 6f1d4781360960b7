"""What would be sent to Dataflow for a job, found out without sending it."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runners.engine import ServiceRequest

if TYPE_CHECKING:
    import apache_beam as beam


def request_for(pipeline: "beam.Pipeline") -> ServiceRequest:
    """Make the request that would create a job, as Beam's own runner makes it.

    Args:
        pipeline: from :meth:`runners.dataflow.engine.DataflowEngine.offline_pipeline`, with the
            job in it.

    Returns:
        In its body ``project`` and ``region``; ``job``, as ``projects.locations.jobs.create`` takes
        it; ``staged``, what would be put into the bucket first; and ``environments``, which are in
        the staged pipeline: an image, the hints for its machines, and the steps that run there.

    """
    from apache_beam.options.pipeline_options import GoogleCloudOptions, TestOptions
    from apache_beam.runners.dataflow.internal.apiclient import DataflowApplicationClient

    class Unsent(DataflowApplicationClient):
        """The client that describes jobs, with nothing put anywhere."""

        def _stage_resources(self, pipeline: Any, options: Any) -> list[str]:  # noqa: ARG002
            return []

        def stage_file_with_retry(self, folder: str, name: str, *_: Any) -> None:
            staged.append(f"{folder}/{name}")

    staged: list[str] = []
    # A pipeline that was not made for looking at would be submitted.
    pipeline.options.view_as(TestOptions).dry_run = True
    pipeline.options.view_as(GoogleCloudOptions).no_auth = True
    pipeline.run()
    runner: Any = pipeline.runner
    job = runner.job
    client = Unsent(job.options, job.root_staging_location)  # type: ignore[no-untyped-call]
    # These two are not sent where a job is submitted, and the request holds all options.
    job.options.view_as(TestOptions).dry_run = False
    job.options.view_as(GoogleCloudOptions).no_auth = False
    client.create_job_description(job)
    cloud = job.options.view_as(GoogleCloudOptions)
    described: dict[str, Any] = json.loads(job.json())
    for pool in described["environment"]["workerPools"]:
        pool["sdkHarnessContainerImages"].sort(key=lambda image: image["environmentId"])
    body = {
        "project": cloud.project,
        "region": cloud.region,
        "job": described,
        "staged": staged,
        "environments": _environments(job.proto_pipeline),
    }
    return ServiceRequest(summary=_summary(body), body=body)


def _summary(body: Mapping[str, Any]) -> dict[str, str]:
    lines = {
        "job": f"{body['job']['name']}, to project {body['project']} in {body['region']}",
        "staged": ", ".join(body["staged"]),
        "experiments": ", ".join(body["job"]["environment"]["experiments"]),
    }
    for number, environment in enumerate(body["environments"], 1):
        hints = ", ".join(f"{name} {value}" for name, value in environment["hints"].items())
        lines[f"machines {number}"] = f"{hints or 'no hints'}: {len(environment['steps'])} steps"
    return lines


def _environments(proto: Any) -> list[dict[str, object]]:
    from apache_beam.portability.api import beam_runner_api_pb2

    components = proto.components
    found: list[dict[str, object]] = []
    for name, environment in sorted(components.environments.items()):
        steps = sorted(
            transform.unique_name
            for transform in components.transforms.values()
            if transform.environment_id == name and not transform.subtransforms
        )
        if steps:
            found.append(
                {
                    "id": name,
                    "image": beam_runner_api_pb2.DockerPayload.FromString(
                        environment.payload
                    ).container_image,
                    "hints": {
                        urn.removeprefix("beam:resources:").removesuffix(":v1"): value.decode()
                        for urn, value in environment.resource_hints.items()
                    },
                    "steps": steps,
                }
            )
    return found
