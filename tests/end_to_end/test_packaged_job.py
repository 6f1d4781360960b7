"""A packaged job, submitted to a standalone cluster by Spark's own tool."""

import os
import subprocess
from pathlib import Path

import pytest

from storage.commit_record import read_manifest
from storage.store import open_store
from tests.end_to_end.conftest import described
from tests.end_to_end.test_cluster_deaths import CALUMMA
from tests.servers.job_server_jars import needs_java, spark_jar

# A cluster starts slowly on a busy machine.
pytestmark = [needs_java, pytest.mark.timeout(900)]


def test_spark_submit_runs_a_packaged_job_once(
    pictures: Path, captions: Path, tmp_path: Path
) -> None:
    from tests.servers.spark_cluster import SPARK_HOME, spark_cluster

    out, jar = tmp_path / "out", tmp_path / "job.jar"
    command = [str(CALUMMA), "package", "caption", str(pictures), str(out), str(jar)]
    command += ["--runner", "spark", "--spark-job-server-jar", str(spark_jar())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Next: spark-submit --master MASTER {jar}" in done.stdout
    assert not list(out.glob("captions/*"))
    (run_id,) = (path.name for path in (out / "_staging").iterdir())
    ends = []
    with spark_cluster(tmp_path / "cluster", workers=1) as cluster:
        for master in (cluster.url, "local[1]"):  # the second time there is nothing left to do
            submit = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", master, str(jar)]
            environment = {**os.environ, "SPARK_HOME": str(SPARK_HOME)}
            submitted = subprocess.run(
                submit, capture_output=True, text=True, timeout=400, check=False, env=environment
            )
            assert submitted.returncode == 0, submitted.stderr[-3000:]
            manifest = read_manifest(open_store(str(out)), run_id)
            assert manifest is not None
            assert manifest.counts.rows_out == 40
            assert set(manifest.model_loads.values()) == {1}
            assert described(out) == described(captions)
            assert len(list((out / "_commits").iterdir())) == 1
            assert not list(out.glob("_staging/*/loads/*"))  # nothing was done again
            ends.append(manifest.finished)
    assert ends[0] == ends[1]
