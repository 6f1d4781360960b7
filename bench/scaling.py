"""Spark against itself, against the local runner, and against what is written by hand.

``python -m bench.scaling [--pictures 30000]``: one against two workers of a standalone cluster,
each held to a core of its own; Spark's local engine against Beam's local runner, both held to one
core; the same cluster with a pandas UDF (``mapInPandas``) around the same model; and the local
runner with threads and with processes. Times are of whole commands. A run of one batch tells what
each pays once, and is printed beside.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from easy_vqa import get_test_image_paths, get_train_image_paths

from tests.servers.job_server_jars import spark_jar
from tests.servers.spark_cluster import SPARK_HOME, spark_cluster

_CALUMMA = str(Path(sysconfig.get_path("scripts"), "calumma"))
_ONE_CORE = ["taskset", "-c", "0"]
_FEW = 32
_ROWS_PER_FILE = 500
# A worker has one core: a second thread of torch's would only get in its way.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "PYSPARK_PYTHON": sys.executable}


def write_catalog(folder: Path, count: int) -> Path:
    """A catalog of so many pictures, those of easy-VQA again and again."""
    paths = [*get_train_image_paths().values(), *get_test_image_paths().values()]
    folder.mkdir()
    for start in range(0, count, _ROWS_PER_FILE):
        numbers = range(start, min(start + _ROWS_PER_FILE, count))
        rows = [{"id": f"{at:07d}", "uri": str(paths[at % len(paths)])} for at in numbers]
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{start:07d}.parquet")
    return folder


class Bench:
    """Commands timed on one catalog."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir()
        self._folder = folder
        self._count = count
        self._many = write_catalog(folder / "many", count)
        self._few = write_catalog(folder / "few", _FEW)
        self._jar = ["--spark-job-server-jar", str(spark_jar())]
        self._runs = 0

    def local(self) -> tuple[float, float]:
        """Beam's local runner on one core."""
        return self._both("local runner, one core", [*_ONE_CORE, _CALUMMA, "caption"], [])

    def workers(self) -> None:
        """The local runner's ways to take a whole machine, with torch's own choice of threads."""
        threads = ["--", "--direct_running_mode=multi_threading", "--direct_num_workers=2"]
        command = ["env", "-u", "OMP_NUM_THREADS", _CALUMMA, "caption"]
        self._both("local runner, one worker", command, [])
        self._both("local runner, two threads", command, threads)
        self._both("local runner, two processes", command, ["--workers", "2"])

    def spark_local(self) -> tuple[float, float]:
        """Spark's local engine on one core."""
        options = ["--runner", "spark", "--spark-master", "local[1]", *self._jar]
        return self._both("Spark local[1], one core", [*_ONE_CORE, _CALUMMA, "caption"], options)

    def cluster(self, workers: int) -> tuple[float, float]:
        """A standalone cluster."""
        with spark_cluster(self._out(), workers, _ONE_THREAD, pin=True) as cluster:
            options = ["--runner", "spark", "--spark-master", cluster.url, *self._jar]
            name = f"Spark standalone, {workers} worker(s)"
            return self._both(name, [_CALUMMA, "caption"], options)

    def by_hand(self, workers: int) -> tuple[float, float]:
        """The same cluster, a pandas UDF."""
        with spark_cluster(self._out(), workers, _ONE_THREAD, pin=True) as cluster:
            command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", cluster.url]
            command.append(str(Path(__file__).with_name("by_hand.py")))
            return self._both(f"mapInPandas, {workers} worker(s)", command, [str(4 * workers)])

    def _both(self, name: str, command: list[str], options: list[str]) -> tuple[float, float]:
        """Seconds of all pictures and of a few."""
        few = self._timed([*command, str(self._few), str(self._out()), *options])
        many = self._timed([*command, str(self._many), str(self._out()), *options])
        rate = (self._count - _FEW) / (many - few)
        print(
            f"{name}: {many:.1f} s, of which start-up {few:.1f} s ({few / many:.0%}); "
            f"{rate:.1f} pictures/s apart from it",
            flush=True,
        )
        return many, rate

    def _timed(self, command: list[str]) -> float:
        started = time.perf_counter()
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": str(Path.cwd())},
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            sys.exit(done.stderr)
        return seconds

    def _out(self) -> Path:
        self._runs += 1
        return self._folder / f"out-{self._runs}"


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=30_000)
    count = parser.parse_args().pictures
    with tempfile.TemporaryDirectory() as folder:
        clusters = Bench(Path(folder) / "clusters", count)
        one, _ = clusters.cluster(1)
        two, _ = clusters.cluster(2)
        by_hand, _ = clusters.by_hand(2)
        # Here start-up is told apart, so a part of the pictures will do.
        engines = Bench(Path(folder) / "engines", count // 15)
        _, local = engines.local()
        _, spark = engines.spark_local()
        engines.workers()
    print(f"two workers against one: {one / two:.2f} times as fast")
    print(f"against mapInPandas on two workers: {by_hand / two:.2f} times as fast")
    print(f"Spark local[1] against the local runner: {spark / local:.2f} of its rate")


if __name__ == "__main__":
    main()
