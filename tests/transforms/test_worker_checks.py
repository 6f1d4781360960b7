"""Whether a machine can work for a run: told in a sentence that names it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import WorkerError
from storage.layout import manifest_path, run_path
from storage.runs import stage_run
from storage.store import open_store
from tests.storage.rows import a_run
from tests.transforms.work import run_settings
from transforms.worker_checks import check_catalog_here, check_worker

HOST = socket.gethostname()
RUN = a_run()

CHECK = """
import sys
from pathlib import Path
from storage.store import open_store
from tests.transforms.work import run_settings
from transforms.worker_checks import check_worker
out, version = sys.argv[1:]
check_worker(open_store(out), run_settings(Path(out), "run", version=version))
"""


def check(out: Path, **changes: str) -> None:
    check_worker(open_store(str(out)), run_settings(out, RUN.run_id, **changes))


def test_a_worker_with_the_launchers_output_and_version_serves(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    stage_run(store, RUN)
    check(tmp_path)
    # As when another has committed the run while this worker started.
    store.put(manifest_path(RUN.run_id), store.get(run_path(RUN.run_id)))
    store.delete(run_path(RUN.run_id))
    check(tmp_path)


def test_an_output_that_is_not_the_launchers_is_told(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(WorkerError) as caught:
            check(out)
        assert str(caught.value) == (
            f"{out} on the worker {HOST} is not the output that the run was begun in. Name one "
            "that all machines share: s3://, gs://, az:// or a shared disk."
        )
    assert not any(tmp_path.iterdir())


def test_another_version_is_told_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=rf"{HOST} has Calumma .*begun with 99\.0\. Install one"):
        check(tmp_path, version="99.0")


def test_the_version_is_that_of_what_is_installed(tmp_path: Path) -> None:
    # An installation of another version goes before this one on the worker's path.
    installed = tmp_path / "lib" / "calumma-98.7.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: calumma\nVersion: 98.7\n")
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(tmp_path), "0.1"],
        env={"PYTHONPATH": str(tmp_path / "lib")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"WorkerError: The worker {HOST} has Calumma 98.7, and the run" in done.stderr


def test_a_catalog_of_this_machine_must_be_here(tmp_path: Path) -> None:
    (tmp_path / "a[1].parquet").touch()
    for catalog in (tmp_path, tmp_path / "a[1].parquet", tmp_path / "*.parquet", tmp_path / "a*"):
        check_catalog_here(str(catalog))
    for catalog in (tmp_path / "nothing", tmp_path / "*.csv"):
        with pytest.raises(WorkerError, match=f"on the worker {HOST}. Name one that all machines"):
            check_catalog_here(str(catalog))


@pytest.mark.parametrize(
    "catalog", ["s3://bucket/none", "hf://datasets/none", "https://host/c.csv"]
)
def test_a_catalog_elsewhere_is_for_its_reader_to_find(catalog: str) -> None:
    check_catalog_here(catalog)
