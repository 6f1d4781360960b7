"""The command ``calumma-worker``: becomes a Beam worker process on a machine of a cluster.

Spark and Flink start it as the program of a PROCESS environment. It does what the boot program of
Beam's containers does for a pipeline whose packages are installed already: asks the runner where
its services are, and runs Beam's worker.
"""

import argparse
import os
import sys
import traceback

NO_BEAM = 70
"""Exit code where Python lacks what a worker needs. Runners throw away what a worker prints as it
starts, and tell only how it ended.
"""
PACKAGES_TO_INSTALL = 71
"""Exit code where the pipeline brings packages to be installed."""

_SECONDS = 60.0
# What is staged with each pipeline; anything else would be there to be installed.
_HARMLESS = {"submission_environment_dependencies.txt", "pickled_main_session"}


def main() -> None:
    """Run a worker until the runner lets it go."""
    parser = argparse.ArgumentParser(
        prog="calumma-worker", description="Started by a runner, not by people."
    )
    parser.add_argument("--id", required=True, help="the worker's id")
    parser.add_argument("--provision_endpoint", required=True, help="where it is told the rest")
    arguments, _ = parser.parse_known_args()
    try:
        os.environ.update(_environment(arguments.id, arguments.provision_endpoint))
        from apache_beam.runners.worker import sdk_worker_main
    except ImportError:
        traceback.print_exc()
        sys.exit(NO_BEAM)
    sdk_worker_main.main([])


def _environment(worker_id: str, endpoint: str) -> dict[str, str]:
    """What Beam's worker reads from its environment."""
    import grpc
    from apache_beam.portability.api import (
        beam_provision_api_pb2,
        beam_provision_api_pb2_grpc,
        beam_runner_api_pb2,
    )
    from google.protobuf import json_format, text_format

    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        info = stub.GetProvisionInfo(
            beam_provision_api_pb2.GetProvisionInfoRequest(),
            metadata=[("worker_id", worker_id)],
            timeout=_SECONDS,
            wait_for_ready=True,
        ).info
    staged = {
        beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(
            artifact.role_payload
        ).staged_name
        for artifact in info.dependencies
    }
    if staged - _HARMLESS:
        sys.exit(PACKAGES_TO_INSTALL)
    environment = {
        "WORKER_ID": worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.logging_endpoint),
        "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(info.control_endpoint),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
    if info.HasField("status_endpoint"):
        environment["STATUS_API_SERVICE_DESCRIPTOR"] = text_format.MessageToString(
            info.status_endpoint
        )
    return environment


if __name__ == "__main__":
    main()
