"""``calumma-worker``: asks a runner where its services are, and becomes Beam's worker."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    beam_runner_api_pb2,
    endpoints_pb2,
)
from apache_beam.runners.worker import sdk_worker_main
from google.protobuf import struct_pb2, text_format

from runners import worker
from runners.worker import NO_BEAM, PACKAGES_TO_INSTALL

PROGRAM = Path(sysconfig.get_path("scripts"), "calumma-worker")
LOGGING, CONTROL, STATUS = "localhost:11", "localhost:22", "localhost:33"


class Provision(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
    """Tells a worker what a runner does."""

    def __init__(self, staged: tuple[str, ...], status: bool) -> None:
        self.asked: list[dict[str, str]] = []
        options = struct_pb2.Struct()
        options.update({"beam:option:sdk_worker_parallelism:v1": "1"})
        self._info = beam_provision_api_pb2.ProvisionInfo(
            pipeline_options=options,
            logging_endpoint=endpoints_pb2.ApiServiceDescriptor(url=LOGGING),
            control_endpoint=endpoints_pb2.ApiServiceDescriptor(url=CONTROL),
            runner_capabilities=["one", "two"],
            dependencies=[
                beam_runner_api_pb2.ArtifactInformation(
                    role_payload=beam_runner_api_pb2.ArtifactStagingToRolePayload(
                        staged_name=name
                    ).SerializeToString()
                )
                for name in staged
            ],
        )
        if status:
            self._info.status_endpoint.url = STATUS

    def GetProvisionInfo(  # noqa: N802
        self,
        request: beam_provision_api_pb2.GetProvisionInfoRequest,
        context: grpc.ServicerContext,
    ) -> beam_provision_api_pb2.GetProvisionInfoResponse:
        self.asked.append(dict(context.invocation_metadata()))
        return beam_provision_api_pb2.GetProvisionInfoResponse(info=self._info)


@contextmanager
def provision(*staged: str, status: bool = True) -> Iterator[tuple[Provision, str]]:
    """A runner's provision service on loopback, and its address."""
    service = Provision(staged, status)
    with futures.ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads)
        beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(service, server)
        port = server.add_insecure_port("localhost:0")
        server.start()
        yield service, f"localhost:{port}"
        server.stop(None).wait()


def arguments(endpoint: str) -> list[str]:
    # The runner passes more, which is of no use here.
    return ["--id=7-1", f"--provision_endpoint={endpoint}", "--logging_endpoint=x", "--more"]


def run(endpoint: str, *program: str) -> subprocess.CompletedProcess[str]:
    command = [*(program or (str(PROGRAM),)), *arguments(endpoint)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_beams_worker_is_handed_what_the_runner_says(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(sdk_worker_main, "main", lambda _: handed.update(os.environ))
    with provision("submission_environment_dependencies.txt") as (service, endpoint):
        monkeypatch.setattr(sys, "argv", ["calumma-worker", *arguments(endpoint)])
        worker.main()
    assert [asked["worker_id"] for asked in service.asked] == ["7-1"]
    assert handed["WORKER_ID"] == "7-1"
    assert handed["RUNNER_CAPABILITIES"] == "one two"
    for name, url in (("LOGGING", LOGGING), ("CONTROL", CONTROL), ("STATUS", STATUS)):
        told = handed[f"{name}_API_SERVICE_DESCRIPTOR"]
        assert text_format.Parse(told, endpoints_pb2.ApiServiceDescriptor()).url == url
    # As Beam's own code reads them.
    options = sdk_worker_main._load_pipeline_options(handed["PIPELINE_OPTIONS"])
    assert options == {"sdk_worker_parallelism": "1"}


def test_a_runner_without_a_status_service_is_served() -> None:
    with provision(status=False) as (_, endpoint):
        told = worker._environment("7-1", endpoint)
    assert "STATUS_API_SERVICE_DESCRIPTOR" not in told
    assert json.loads(told["PIPELINE_OPTIONS"])


def test_packages_that_would_have_to_be_installed_are_refused() -> None:
    with provision("submission_environment_dependencies.txt", "mine.tar.gz") as (_, endpoint):
        done = run(endpoint)
    assert (done.returncode, done.stdout, done.stderr) == (PACKAGES_TO_INSTALL, "", "")


def test_a_python_without_beam_is_told_by_the_exit_code() -> None:
    done = run("localhost:1", sys.executable, "-I", "-S", worker.__file__)
    assert done.returncode == NO_BEAM
    assert "ModuleNotFoundError" in done.stderr


def test_a_runner_that_does_not_answer_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "_SECONDS", 0.5)
    with pytest.raises(grpc.RpcError) as caught:
        worker._environment("7-1", "localhost:1")
    assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


def test_people_who_start_it_are_told_that_it_is_not_theirs() -> None:
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True)
    assert "Started by a runner, not by people." in done.stdout
