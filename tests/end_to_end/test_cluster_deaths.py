"""Processes of a cluster killed (-9) in the middle of a job: the same rows, and nothing twice."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cli import run
from tests.end_to_end.conftest import RunJson, copy_pictures, described
from tests.servers.daemons import daemon, free_port, kill_family, wait_for_line
from tests.servers.job_server_jars import flink_jar, needs_java, spark_jar

# A cluster starts slowly on a busy machine.
pytestmark = [needs_java, pytest.mark.timeout(900)]

CALUMMA = Path(sysconfig.get_path("scripts"), "calumma")
_PICTURES = 600
_FILES = 12
_SECONDS = 500.0


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six hundred pictures in twelve files: twelve splits, each staged when it is done."""
    folder = tmp_path_factory.mktemp("deaths")
    pictures = sorted(copy_pictures(folder / "pictures", 0, _PICTURES).iterdir())
    (folder / "catalog").mkdir()
    for part in range(_FILES):
        rows = [{"id": path.name, "uri": str(path)} for path in pictures[part::_FILES]]
        pq.write_table(pa.Table.from_pylist(rows), folder / "catalog" / f"{part:02d}.parquet")
    return folder / "catalog"


@pytest.fixture(scope="module")
def reference(catalog: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """What an undisturbed run on one machine gives."""
    out = tmp_path_factory.mktemp("reference") / "out"
    assert run(["caption", str(catalog), str(out), "--json"]) == 0
    rows = described(out)
    assert len(rows) == _PICTURES
    return rows


@contextmanager
def job(catalog: Path, out: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A captioning job; killed at the end if it is still there."""
    command = [str(CALUMMA), "caption", str(catalog), str(out), "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a job's end; give its manifest."""
    said, complained = process.communicate(timeout=_SECONDS)
    assert process.returncode == 0, complained
    manifest: dict[str, Any] = json.loads(said)
    return manifest


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something while a job runs."""
    deadline = time.monotonic() + _SECONDS
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def staged(out: Path) -> int:
    """How many splits have something staged."""
    return len(list(out.glob("_staging/*/splits/*/*.json")))


def check(out: Path, manifest: dict[str, Any], reference: list[tuple[Any, ...]]) -> None:
    """The rows of an undisturbed run, each once, and no failure."""
    assert manifest["counts"] == {
        "rows_in": _PICTURES,
        "rows_out": _PICTURES,
        "failed": 0,
        "skipped": 0,
    }
    assert described(out) == reference
    assert not list(out.glob("failures/*/*"))
    assert len(list((out / "_commits").iterdir())) == 1


def test_spark_goes_on_without_a_worker_and_its_executor(
    catalog: Path, reference: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    from tests.servers.spark_cluster import spark_cluster

    out = tmp_path / "out"
    options = ["--runner", "spark", "--spark-job-server-jar", str(spark_jar())]
    with (
        spark_cluster(tmp_path / "cluster") as cluster,
        job(catalog, out, *options, "--spark-master", cluster.url) as process,
    ):
        wait_until(lambda: staged(out) >= 2, process)
        busy = [one for one in cluster.executors() if one.children(recursive=True)]
        assert busy
        kill_family(cluster.worker_of(busy[0]).pid)
        assert staged(out) < _FILES
        manifest = finish(process)
    check(out, manifest, reference)


def test_a_cluster_that_lost_its_launcher_and_a_second_launcher_beside_it(
    catalog: Path, reference: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    from tests.servers.spark_cluster import spark_cluster

    out = tmp_path / "out"
    with (
        spark_cluster(tmp_path / "cluster") as cluster,
        job_server(cluster.url, tmp_path) as server,
    ):
        options = ["--runner", "spark", "--spark-job-endpoint", server]
        with job(catalog, out, *options) as process:
            wait_until(lambda: staged(out) >= 2, process)
            process.kill()
        # The job goes on in the cluster; its Python rests until a second launcher is at work too.
        resting = [
            child
            for executor in cluster.executors()
            for child in executor.children(recursive=True)
            if "calumma-worker" in " ".join(child.cmdline())
        ]
        assert resting
        for worker in resting:
            worker.suspend()
        before = staged(out)
        assert before < _FILES
        with job(catalog, out) as again:
            wait_until(lambda: staged(out) > before, again)
            assert cluster.executors()
            for worker in resting:
                worker.resume()
            manifest = finish(again)
        check(out, manifest, reference)
        # Whatever the cluster still does comes to nothing.
        wait_until_idle(cluster.executors)
        check(out, manifest, reference)


@contextmanager
def job_server(master: str, folder: Path) -> Iterator[str]:
    """A job server of nobody's; gives its address."""
    port = free_port()
    log = folder / "job-server.log"
    command = ["java", "-jar", str(spark_jar()), "--spark-master-url", master]
    command += ["--job-port", str(port), "--artifact-port", "0", "--expansion-port", "-1"]
    with daemon(command, log, os.environ):
        wait_for_line(log, "JobService started")
        yield f"localhost:{port}"


def wait_until_idle(executors: Callable[[], list[psutil.Process]]) -> None:
    """Wait until a cluster has no executor left: its job has ended, well or not."""
    deadline = time.monotonic() + _SECONDS
    while executors():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_flink_goes_on_without_a_task_manager(
    catalog: Path, reference: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    from tests.servers.flink_cluster import flink_cluster

    out = tmp_path / "out"
    options = ["--runner", "flink", "--flink-job-server-jar", str(flink_jar())]
    options += ["--flink-parallelism", "2"]
    # One more than are needed: a session cluster replaces none.
    with (
        flink_cluster(tmp_path / "cluster", flink_jar(), task_managers=3) as cluster,
        job(catalog, out, *options, "--flink-master", cluster.address) as process,
    ):
        wait_until(lambda: staged(out) >= 2, process)
        busy = [
            manager
            for manager in cluster.task_managers
            if psutil.Process(manager.pid).children(recursive=True)
        ]
        kill_family(busy[0].pid)
        assert staged(out) < _FILES
        manifest = finish(process)
    check(out, manifest, reference)


def test_a_launcher_that_is_killed_takes_its_job_server_along(
    catalog: Path, reference: list[tuple[Any, ...]], tmp_path: Path, run_json: RunJson
) -> None:
    out = tmp_path / "out"
    options = ["--runner", "flink", "--flink-job-server-jar", str(flink_jar())]
    with job(catalog, out, *options) as process:
        wait_until(lambda: staged(out) >= 2, process)
        family = psutil.Process(process.pid).children(recursive=True)
        assert any("java" in child.name() for child in family)
        os.kill(process.pid, signal.SIGKILL)
        gone, left = psutil.wait_procs(family, timeout=20)
    assert not left
    assert len(gone) == len(family)
    # Whatever runner goes on with it.
    check(out, run_json("caption", catalog, out), reference)


def test_a_job_ended_early_leaves_no_job_in_a_flink_cluster(catalog: Path, tmp_path: Path) -> None:
    from tests.servers.flink_cluster import flink_cluster

    out = tmp_path / "out"
    options = ["--runner", "flink", "--flink-job-server-jar", str(flink_jar())]
    with (
        flink_cluster(tmp_path / "cluster", flink_jar(), task_managers=1) as cluster,
        job(catalog, out, *options, "--flink-master", cluster.address) as process,
    ):
        wait_until(lambda: "RUNNING" in cluster.job_states(), process)
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=60)
        assert process.returncode == 130, complained
        deadline = time.monotonic() + 60
        while set(cluster.job_states()) != {"CANCELED"}:
            assert time.monotonic() < deadline, cluster.job_states()
            time.sleep(0.2)
