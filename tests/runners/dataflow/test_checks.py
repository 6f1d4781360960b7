"""Mistakes about Dataflow, each a sentence or two, before anything is asked of the network."""

import re
import sys
from typing import Any

import pytest

from runners.dataflow.engine import DataflowEngine
from runners.dataflow.options import DataflowOptions
from runners.errors import RunnerError
from tests.runners.dataflow.jobs import GPU, OUT, options

MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"project": None}, "needs --project as well"),
    ({"region": None, "temp_location": None}, "needs --region and --temp-location as well"),
    ({"dataflow_image": None}, "needs --dataflow-image as well"),
    ({"project": "My Project"}, "--project must be a project's id"),
    ({"region": "us-central1-a"}, "--region must be a region, such as us-central1"),
    ({"temp_location": "/tmp/beam"}, "--temp-location must be a folder of Google Cloud Storage"),
    ({"temp_location": "gs://b/temp"}, "--temp-location must be"),
    ({"temp_location": "gs://"}, "--temp-location must be"),
    ({"dataflow_image": "calumma"}, "--dataflow-image must be an image in a registry"),
    ({"dataflow_image": "https://example.com/calumma"}, "--dataflow-image must be"),
    ({"dataflow_max_workers": 0}, "--dataflow-max-workers must be at least 1, not 0"),
    ({"dataflow_threads": 0}, "--dataflow-threads must be at least 1"),
    ({"dataflow_disk_gb": -1}, "--dataflow-disk-gb must be at least 1"),
    ({"dataflow_gpu": "L4"}, "--dataflow-gpu must be a type of GPU, such as nvidia-l4"),
    ({"dataflow_machine": "big one"}, "--dataflow-machine must be a machine type"),
    ({"dataflow_gpu_driver": "5xx"}, "give --dataflow-gpu as well"),
    ({**GPU, "dataflow_gpu_driver": "newest"}, "--dataflow-gpu-driver must be a version"),
    ({"dataflow_service_account": "me"}, "--dataflow-service-account must be an account"),
]


@pytest.mark.parametrize(("changes", "said"), MISTAKES)
def test_a_mistake_is_told_in_a_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RunnerError, match=re.escape(said)) as raised:
        DataflowEngine(options(**changes)).check(OUT)
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)


def test_nothing_given_names_all_that_is_needed() -> None:
    with pytest.raises(
        RunnerError, match="--project and --region and --temp-location and --dataflow-image"
    ):
        DataflowEngine(DataflowOptions()).check(OUT)


@pytest.mark.parametrize("out", ["/data/out", "file:///data/out"])
def test_an_output_on_this_machine_is_none(out: str) -> None:
    with pytest.raises(RunnerError, match=r"cannot reach .*, which is on this machine"):
        DataflowEngine(options()).check(out)


def test_what_workers_read_must_not_lie_on_this_machine() -> None:
    there = {"a catalog": "gs://b/c.parquet", "an index": "s3://b/index"}
    DataflowEngine(options(), ["--no_auth"]).check(OUT, there)
    with pytest.raises(RunnerError, match=r"reach /data/kept, .* Name a keep-list that all"):
        DataflowEngine(options(), ["--no_auth"]).check(OUT, {**there, "a keep-list": "/data/kept"})


@pytest.mark.parametrize(
    "image",
    [
        "us-central1-docker.pkg.dev/my-project/images/calumma:0.1.0-cuda",
        "gcr.io/my-project/calumma",
        "localhost:5000/calumma:1",
        f"europe-docker.pkg.dev/p/r/calumma@sha256:{'0' * 64}",
    ],
)
def test_usual_images_are_taken(image: str) -> None:
    DataflowEngine(options(dataflow_image=image), ["--no_auth"]).check(OUT)


def test_without_googles_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[:2] == ["google", "cloud"]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(RunnerError, match=re.escape("pip install 'calumma[gcp]'")):
        DataflowEngine(options()).check(OUT)


def test_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    # A test may run on one of Google's machines, which have credentials of their own.
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(RunnerError, match="no credentials of Google Cloud"):
        DataflowEngine(options()).check(OUT)
