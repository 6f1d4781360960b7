"""A model in a bucket: fetched whole when a container starts, or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest

from models.source import EMBEDDED_FOLDER, resolve_model
from runners.dataflow.model import FOLDER_VARIABLE, URI_VARIABLE, fetch_model, fetch_named_model
from runners.errors import RunnerError
from storage.filesystems import open_filesystem
from tests.servers.object_stores import FAKE_GCS, at_server, fake_gcs

START = Path(__file__).resolve().parents[3] / "runners" / "dataflow" / "start-worker"


def put_model(filesystem: fsspec.AbstractFileSystem, path: str) -> None:
    for file in EMBEDDED_FOLDER.iterdir():
        if file.is_file():
            filesystem.put_file(str(file), f"{path}/{file.name}")


# Of the client that puts the model there.
@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.skipif(not FAKE_GCS.exists(), reason="absent")
def test_a_fetched_model_is_the_one_in_the_bucket(tmp_path: Path) -> None:
    with fake_gcs("models") as server, at_server(server):
        put_model(open_filesystem("gs://models")[0], "models/tiny")
        fetch_model("gs://models/tiny", tmp_path / "models" / "fetched")
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["fetched"]
    fetched = resolve_model(str(tmp_path / "models" / "fetched"))
    assert fetched.revision == resolve_model("calumma-tiny").revision


def test_what_holds_no_model_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "config.json").write_text("{}")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "README.md").write_text("none")
    with pytest.raises(RunnerError, match="holds no model"):
        fetch_model(f"file://{tmp_path}/bucket", folder)
    with pytest.raises(RunnerError, match=r"cannot be fetched: .+\.$"):
        fetch_model(f"file://{tmp_path}/nothing", folder)
    with pytest.raises(RunnerError, match="cannot be fetched"):
        fetch_model("nowhere://bucket/model", folder)
    assert [path.name for path in folder.iterdir()] == ["README.md"]


def test_a_model_in_the_image_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URI_VARIABLE, "nowhere://bucket/model")
    monkeypatch.setenv(FOLDER_VARIABLE, str(EMBEDDED_FOLDER))
    fetch_named_model()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "model"))
    with pytest.raises(RunnerError):
        fetch_named_model()
    monkeypatch.delenv(URI_VARIABLE)
    fetch_named_model()


def start_worker(
    folder: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the image's program, with a program that prints its arguments in the place of Beam's."""
    boot = folder / "boot"
    boot.write_text('#!/bin/sh\necho "boot $*"\n')
    boot.chmod(0o755)
    script = folder / "start-worker"
    script.write_text(START.read_text().replace("/opt/apache/beam/boot", str(boot)))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", script, *arguments],
        env={**os.environ, "PATH": path, **environment},
        cwd=START.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_container_fetches_and_becomes_beams_worker(tmp_path: Path) -> None:
    assert os.access(START, os.X_OK)
    named = {URI_VARIABLE: f"file://{EMBEDDED_FOLDER}", FOLDER_VARIABLE: f"{tmp_path}/models/tiny"}
    started = start_worker(tmp_path, "--id=1-1", "--provision_endpoint=x", **named)
    assert started.stdout == "boot --id=1-1 --provision_endpoint=x\n"
    assert (tmp_path / "models" / "tiny" / "config.json").is_file()
    assert start_worker(tmp_path, "--id=2").stdout == "boot --id=2\n"


def test_a_container_without_its_model_does_not_start(tmp_path: Path) -> None:
    named = {URI_VARIABLE: f"file://{tmp_path}/gone", FOLDER_VARIABLE: f"{tmp_path}/models/gone"}
    started = start_worker(tmp_path, "--id=1-1", **named)
    assert started.returncode == 1
    assert started.stdout == ""
    assert started.stderr.startswith(f"calumma: The model file://{tmp_path}/gone cannot be fetched")
