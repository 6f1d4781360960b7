"""What would be sent to Dataflow, as Beam's own runner makes it."""

import json
import socket
from typing import Any

import pytest
from apache_beam.options import pipeline_options

from runners.dataflow.engine import DataflowEngine
from tests.runners.dataflow.jobs import GPU, HINT, IMAGE, offline_job, options


def request(engine: DataflowEngine) -> Any:
    found = engine.request(offline_job(engine))
    assert found is not None
    # It is printed as JSON.
    return json.loads(json.dumps(found.body))


@pytest.fixture(scope="module")
def sent() -> Any:
    return request(DataflowEngine(options(**GPU, dataflow_service_account="a@b.example.com")))


def test_a_batch_job_of_the_project(sent: Any) -> None:
    assert (sent["project"], sent["region"]) == ("my-project", "us-central1")
    assert sent["job"]["type"] == "JOB_TYPE_BATCH"
    assert sent["job"]["name"].startswith("calumma-")
    assert sent["job"]["environment"]["serviceAccountEmail"] == "a@b.example.com"


def test_one_process_a_machine_with_few_threads(sent: Any) -> None:
    environment = sent["job"]["environment"]
    (pool,) = environment["workerPools"]
    assert "no_use_multiple_sdk_containers" in environment["experiments"]
    assert "use_multiple_sdk_containers" not in environment["experiments"]
    assert pool["numThreadsPerWorker"] == 2
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 4
    assert pool["diskSizeGb"] == 100


def test_all_steps_run_in_the_image(sent: Any) -> None:
    (pool,) = sent["job"]["environment"]["workerPools"]
    assert {image["containerImage"] for image in pool["sdkHarnessContainerImages"]} == {IMAGE}
    assert {environment["image"] for environment in sent["environments"]} == {IMAGE}


def test_only_the_machines_of_the_model_have_a_gpu(sent: Any) -> None:
    light, heavy = sent["environments"]
    assert light["hints"] == {}
    assert heavy["hints"] == {"accelerator": HINT}
    assert [step.rpartition("/Work/")[2] for step in heavy["steps"]] == [
        "Describe/BeamML_RunInference",
        "ReadSplits",
        "WriteParts",
    ]
    # Where hints are used, the service wants its own option for all machines left out.
    assert "serviceOptions" not in sent["job"]["environment"]
    assert "machineType" not in sent["job"]["environment"]["workerPools"][0]


def test_without_a_gpu_the_machine_type_is_that_of_all() -> None:
    sent = request(DataflowEngine(options(dataflow_machine="n2-standard-8")))
    assert sent["job"]["environment"]["workerPools"][0]["machineType"] == "n2-standard-8"
    (environment,) = sent["environments"]
    assert environment["hints"] == {}


def test_the_pipeline_is_all_that_is_staged(sent: Any) -> None:
    (staged,) = sent["staged"]
    assert staged.startswith(f"gs://my-bucket/temp/{sent['job']['name']}")
    assert staged.endswith("/pipeline.pb")
    sdk = sent["job"]["environment"]["sdkPipelineOptions"]["options"]
    assert sdk["pipelineUrl"] == staged
    assert not sdk["save_main_session"]
    # Options of looking at it are not those of running it.
    assert not sdk["dry_run"]
    assert not sdk["no_auth"]


def test_what_is_given_to_beam_wins() -> None:
    engine = DataflowEngine(
        options(), ["--num_workers=3", "--job_name=nightly", "--experiments=more"]
    )
    sent = request(engine)
    environment = sent["job"]["environment"]
    assert sent["job"]["name"] == "nightly"
    assert environment["workerPools"][0]["numWorkers"] == 3
    assert {"no_use_multiple_sdk_containers", "more"} <= set(environment["experiments"])


def test_a_bucket_alone_will_do_as_a_folder() -> None:
    sent = request(DataflowEngine(options(temp_location="gs://my-bucket")))
    assert sent["staged"][0].startswith("gs://my-bucket/calumma-")


def test_nothing_is_submitted_whatever_the_pipeline_was_made_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(arguments)

    engine = DataflowEngine(options(**GPU))
    pipeline = offline_job(engine)
    # As if it had been made to be run.
    pipeline.options.view_as(pipeline_options.TestOptions).dry_run = False
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert engine.request(pipeline)


def test_it_is_short_for_people() -> None:
    engine = DataflowEngine(options(**GPU), ["--job_name=nightly"])
    found = engine.request(offline_job(engine))
    assert found is not None
    short = dict(found.summary)
    assert short.pop("staged").startswith("gs://my-bucket/temp/nightly.")
    assert short.pop("experiments").startswith("no_use_multiple_sdk_containers, ")
    assert short == {
        "job": "nightly, to project my-project in us-central1",
        "machines 1": "no hints: 10 steps",
        "machines 2": f"accelerator {HINT}: 3 steps",
    }
