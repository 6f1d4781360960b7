"""Submitting a job to a Dataflow on loopback, with a bucket on loopback: what really is sent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apache_beam.internal.gcp import auth
from apache_beam.runners.dataflow.dataflow_runner import DataflowRuntimeException
from google.cloud import dataflow
from google.oauth2 import service_account

from pipelines.index import hand_over_index
from pipelines.index_config import IndexConfig
from runners.dataflow.engine import DataflowEngine
from storage.filesystems import open_filesystem
from tests.end_to_end.embedded import some_vectors, write_embeddings
from tests.runners.dataflow.jobs import GPU, add_job, offline_job, options
from tests.runners.dataflow.service import JOB_ID, Google, google, write_credentials
from tests.servers.object_stores import FAKE_GCS, at_server, fake_gcs

pytestmark = pytest.mark.skipif(not FAKE_GCS.exists(), reason="needs fake-gcs-server")


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    with google() as service, fake_gcs("my-bucket") as bucket, at_server(bucket):
        key = write_credentials(tmp_path / "key.json", service)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        # Beam keeps what it found, here or elsewhere.
        monkeypatch.setattr(auth._Credentials, "_credentials_init", False)
        # Where an account's requests may go would be asked of Google itself.
        monkeypatch.setattr(
            service_account.Credentials,
            "_is_regional_access_boundary_lookup_required",
            lambda _: False,
        )
        yield service


def engine(service: Google, *beam_options: str) -> DataflowEngine:
    return DataflowEngine(
        options(**GPU),
        [f"--dataflow_endpoint={service.url}", "--job_name=nightly", *beam_options],
    )


def comparable(job: Any) -> Any:
    """A job without what is new each time: the times in names, ids and the order of images."""
    # The names of choices and their numbers are one.
    job = json.loads(dataflow.Job.to_json(dataflow.Job.from_json(json.dumps(job))))
    del job["clientRequestId"]
    environment = job["environment"]
    del environment["tempStoragePrefix"]
    environment["workerPools"][0]["sdkHarnessContainerImages"].sort(
        key=lambda image: image["environmentId"]
    )
    sdk = environment["sdkPipelineOptions"]
    for name in ("temp_location", "staging_location", "pipelineUrl", "pipelineProtoHash"):
        del sdk["options"][name]
    sdk["options"]["beam_plugins"].sort()
    sdk["display_data"] = sorted(
        (shown for shown in sdk["display_data"] if "location" not in shown["key"]),
        key=lambda shown: shown["key"],
    )
    for shown in sdk["display_data"]:
        if shown["key"] == "beam_plugins":
            del shown["value"]
    return job


def test_what_is_sent_is_what_the_dry_run_shows(service: Google) -> None:
    there = engine(service)
    there.check("gs://my-bucket/out")
    result = add_job(there, there.pipeline()).run()
    result.wait_until_finish()
    (sent,) = service.created
    shown = there.request(offline_job(there))
    assert shown is not None
    assert comparable(sent) == comparable(shown.body["job"])
    page = f"https://console.cloud.google.com/dataflow/jobs/us-central1/{JOB_ID}?project=my-project"
    assert there.page(result) == page


def test_a_failed_job_tells_why(service: Google) -> None:
    service.state = "JOB_STATE_FAILED"
    service.message = "Traceback: schemas.errors.WorkerError: There is no catalog."
    there = engine(service)
    with pytest.raises(DataflowRuntimeException, match="There is no catalog"):
        add_job(there, there.pipeline()).run().wait_until_finish()


def test_a_templates_launch_writes_the_job_down(service: Google) -> None:
    there = engine(service, "--template_location=gs://my-bucket/launch/job_object")
    result = add_job(there, there.pipeline()).run()
    result.wait_until_finish()
    assert not service.created
    bucket = open_filesystem("gs://my-bucket")[0]
    written = json.loads(bucket.cat_file("my-bucket/launch/job_object"))
    shown = there.request(offline_job(there))
    assert shown is not None
    assert comparable(written) == comparable(shown.body["job"])


def test_an_index_build_is_written_down_for_others_to_start(
    service: Google, tmp_path: Path
) -> None:
    write_embeddings(tmp_path / "out", ["a", "b"], some_vectors(2))
    there = engine(service, "--template_location=gs://my-bucket/launch/job_object")
    index = tmp_path / "index"
    run_id = hand_over_index(str(tmp_path / "out"), str(index), IndexConfig(), there)
    bucket = open_filesystem("gs://my-bucket")[0]
    written = json.loads(bucket.cat_file("my-bucket/launch/job_object"))
    options = written["environment"]["sdkPipelineOptions"]["options"]
    pipeline = bucket.cat_file(options["pipelineUrl"].removeprefix("gs://"))
    assert b"BuildIndex/BuildShards" in pipeline
    assert run_id[:8].isdecimal()
    assert not service.created
    assert not (index / "_versions").exists()
