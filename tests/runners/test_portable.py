"""Listening to a job server: its log, and its absence where another has started it."""

from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest

from runners import portable
from runners.errors import RunnerError
from runners.spark.engine import SparkEngine
from runners.spark.options import SparkOptions


@pytest.fixture
def server() -> Iterator[tuple[grpc.Server, str]]:
    """A server that answers as a job server's port does, and its address."""
    with futures.ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        port = server.add_insecure_port("localhost:0")
        server.start()
        yield server, f"localhost:{port}"
        server.stop(None).wait()


def test_a_job_server_that_was_named_is_missed_when_it_has_gone(
    server: tuple[grpc.Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portable, "_SECONDS_BETWEEN_QUESTIONS", 0.0)
    engine = SparkEngine(SparkOptions(spark_job_endpoint=server[1]))
    engine.check("/out")
    engine.start()
    assert engine.trouble() is None
    server[0].stop(None).wait()
    said = engine.trouble()
    assert said is not None
    assert said.startswith(f"The job server does not answer ({server[1]}: ")
    # Closing ends nothing that is another's.
    engine.close()


def test_a_job_server_that_was_named_is_not_asked_all_the_time(
    server: tuple[grpc.Server, str],
) -> None:
    engine = SparkEngine(SparkOptions(spark_job_endpoint=server[1]))
    server[0].stop(None).wait()
    assert engine.trouble() is None


def test_options_of_a_job_server_of_ones_own_do_not_go_with_a_named_one(
    server: tuple[grpc.Server, str],
) -> None:
    options = SparkOptions(spark_job_endpoint=server[1], spark_master="local[2]")
    with pytest.raises(RunnerError, match=r"^--spark-master is for a job server that this command"):
        SparkEngine(options).check("/out")


def test_the_newest_notice_is_told() -> None:
    engine = SparkEngine()
    assert engine.notice() is None
    engine.listen("INFO TaskSchedulerImpl - Adding task set 0.0 with 2 tasks")
    engine.listen(
        "WARN org.apache.spark.scheduler.TaskSchedulerImpl - Initial job has not accepted any "
        "resources; check your cluster UI to ensure that workers are registered"
    )
    engine.listen("INFO BlockManager - and so on")
    said = engine.notice()
    assert said is not None
    assert said.startswith("Spark has no room for the job")
