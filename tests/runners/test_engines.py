"""Spark, Flink and Prism as engines: what they check, and what they ask Beam for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from runners.engine import Engine
from runners.environment import WorkerOptions
from runners.errors import RunnerError
from runners.flink.engine import FlinkEngine
from runners.flink.options import FlinkOptions
from runners.local import LocalEngine, LocalOptions
from runners.portable import PortableEngine
from runners.prism import PrismEngine, PrismOptions
from runners.spark.engine import SparkEngine
from runners.spark.options import SparkOptions
from tests.servers.daemons import free_port
from tests.servers.job_server_jars import flink_jar, needs_java, needs_prism, spark_jar
from tests.servers.web import Answer, raw, reply, web_server

AT = "localhost:8099"


class Standing:
    """A job server that is there already: what is asked for can be read without starting one."""

    def endpoint(self) -> str:
        return AT

    def trouble(self) -> str | None:
        return None

    def close(self) -> None:
        pass


class StandingSpark(SparkEngine):
    def new_server(self) -> Standing:
        return Standing()


class StandingFlink(FlinkEngine):
    def new_server(self) -> Standing:
        return Standing()


def spark(
    *beam_options: str, worker_command: str | None = None, endpoint: str | None = None, **given: Any
) -> SparkEngine:
    options = SparkOptions(spark_job_endpoint=endpoint, **given)
    return StandingSpark(options, WorkerOptions(worker_command=worker_command), beam_options)


def flink(
    *beam_options: str, worker_command: str | None = None, endpoint: str | None = None, **given: Any
) -> FlinkEngine:
    options = FlinkOptions(flink_job_endpoint=endpoint, **given)
    return StandingFlink(options, WorkerOptions(worker_command=worker_command), beam_options)


def told(engine: Engine) -> dict[str, Any]:
    """The options of an engine's pipelines, as Beam understands them."""
    engine.start()
    pipeline = engine.pipeline()
    assert type(pipeline.runner).__name__ == "PortableRunner"
    return dict(pipeline.options.get_all_options(retain_unknown_options=True))


def refusal(engine: Engine) -> str:
    with pytest.raises(RunnerError) as caught:
        engine.check("/out")
    return str(caught.value)


@pytest.mark.parametrize("engine", [spark(), spark(spark_master="local[4]"), flink()])
def test_without_a_cluster_workers_are_in_the_launcher(engine: Engine) -> None:
    found = told(engine)
    assert (found["job_endpoint"], found["environment_type"]) == (AT, "LOOPBACK")


@pytest.mark.parametrize(
    "engine",
    [
        spark(spark_master="spark://host:7077"),
        flink(flink_master="host:8081"),
        # Where a job server of somebody else's sends its work is not known here.
        spark(endpoint=AT),
        flink(endpoint=AT),
    ],
)
def test_on_a_cluster_each_machine_starts_its_own(engine: Engine) -> None:
    found = told(engine)
    assert found["environment_type"] == "PROCESS"
    assert Path(json.loads(found["environment_config"])["command"]).name == "calumma-worker"


@pytest.mark.parametrize("engine", [spark(worker_command="/w"), flink(worker_command="/w")])
def test_a_named_program_starts_workers_also_without_a_cluster(engine: Engine) -> None:
    found = told(engine)
    assert found["environment_type"] == "PROCESS"
    assert json.loads(found["environment_config"]) == {"command": "/w"}


def test_spark_keeps_its_workers_from_stage_to_stage() -> None:
    assert int(told(spark())["environment_cache_millis"]) > 0


def test_flinks_parallelism_is_its_own_unless_it_is_given() -> None:
    unset = PipelineOptions([]).get_all_options()["parallelism"]
    assert told(flink())["parallelism"] == unset
    assert told(flink(flink_parallelism=3))["parallelism"] == 3


@pytest.mark.parametrize("engine_of", [spark, flink])
def test_what_is_given_to_beam_reaches_it_and_wins(engine_of: Callable[..., Engine]) -> None:
    mine = ["--job_name=mine", "--environment_type=EXTERNAL", "--environment_config=pool:1"]
    found = told(engine_of(*mine))
    assert (found["job_name"], found["environment_type"]) == ("mine", "EXTERNAL")


def test_the_local_engines_options_reach_beam_too() -> None:
    pipeline = LocalEngine(LocalOptions(workers=3), ["--job_name=mine"]).pipeline()
    found = pipeline.options.get_all_options()
    assert (found["direct_num_workers"], found["job_name"]) == (3, "mine")
    assert found["direct_running_mode"] == "multi_threading"
    assert "at least 1, not 0" in refusal(LocalEngine(LocalOptions(workers=0)))


@pytest.mark.parametrize("engine", [spark(), flink()])
def test_a_package_is_for_a_cluster_and_goes_to_the_jar(
    engine: PortableEngine, tmp_path: Path
) -> None:
    engine.package_to(tmp_path / "job.jar")
    found = told(engine)
    assert found["output_executable_path"] == str(tmp_path / "job.jar")
    assert found["environment_type"] == "PROCESS"


@pytest.mark.parametrize("engine", [LocalEngine(), PrismEngine()])
def test_there_are_no_packages_for_this_machine_alone(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match=rf"for spark and flink, not for {engine.name}\."):
        engine.package_to(tmp_path / "job.jar")


def test_a_pipeline_before_the_start_is_refused() -> None:
    with pytest.raises(RunnerError, match="The runner spark was not started"):
        spark(endpoint=None).pipeline()


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (spark(spark_master="yarn"), "neither local[N] nor spark://HOST:PORT. For YARN"),
        (spark(spark_master="k8s://https://h:6443"), "calumma package"),
        (spark(spark_master="spark://host"), "must be HOST:PORT, not 'host'"),
        (spark(spark_master=f"spark://localhost:{free_port()}"), "does not answer"),
        (spark(spark_conf=("memory=4g",)), "spark.NAME=VALUE, not 'memory=4g'"),
        (spark(spark_conf=("spark.executor.memory",)), "spark.NAME=VALUE"),
        (spark(endpoint=f"localhost:{free_port()}"), "The job server does not answer"),
        (flink(flink_parallelism=0), "--flink-parallelism must be at least 1, not 0"),
        (flink(flink_master="http://h:8081"), "must be HOST:PORT, not 'http://h:8081'"),
        (flink(flink_master=f"localhost:{free_port()}"), "by default port 8081"),
        (flink(endpoint=f"localhost:{free_port()}"), "The job server does not answer"),
        (spark(endpoint=AT, spark_master="local[2]"), "--spark-master is for a job server that"),
        (spark(endpoint=AT, spark_conf=("spark.a=1",)), "--spark-conf is for a job server that"),
        (flink(endpoint=AT, flink_master="h:1"), "--flink-master is for a job server that"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_started(engine: Engine, said: str) -> None:
    assert said in refusal(engine)


@needs_java
@pytest.mark.parametrize(
    "answer", [reply(404), reply(200, b"<html>"), reply(200, b"[]"), reply(200, b"7"), raw(b"SSH")]
)
def test_what_answers_in_flinks_place_is_told(answer: Answer) -> None:
    with web_server() as web:
        web.answers["/overview"] = answer
        assert "is no Flink cluster, or hangs" in refusal(
            flink(flink_master=f"localhost:{web.port}")
        )
        # As the service of Flink answers; what is missing now is the jar.
        web.answers["/overview"] = reply(200, b'{"slots-total": 1, "flink-version": "1.19.1"}')
        engine = flink(flink_master=f"localhost:{web.port}", flink_job_server_jar=__file__)
        assert "is no jar file" in refusal(engine)


@needs_java
def test_the_check_passes_where_all_is_there() -> None:
    spark(endpoint=None, spark_job_server_jar=str(spark_jar())).check("/out")
    flink(endpoint=None, flink_job_server_jar=str(flink_jar())).check("/out")


def test_prism_is_looked_for_on_the_path_and_where_go_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert "go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2." in refusal(PrismEngine())
    for folder in (tmp_path / "go" / "bin", tmp_path / "path"):
        folder.mkdir(parents=True)
        (folder / "prism").touch(mode=0o755)
        PrismEngine().check("/out")
        assert PrismEngine().asks_for()["program"] == str(folder / "prism")
    given = PrismOptions(prism_location="~/go/bin/prism")
    assert PrismEngine(given).asks_for()["program"] == str(tmp_path / "go" / "bin" / "prism")


def test_what_is_named_as_prism_must_be_a_program(tmp_path: Path) -> None:
    (tmp_path / "text").touch(mode=0o644)
    for path in (tmp_path / "text", tmp_path / "nothing", tmp_path):
        said = refusal(PrismEngine(PrismOptions(prism_location=str(path))))
        assert said == f"--prism-location names {path}, and that is no program."


# Beam's threads end with an error when the server goes.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@needs_prism
def test_a_pipeline_runs_on_prism_in_this_process() -> None:
    engine = PrismEngine()
    engine.check("/out")
    try:
        engine.start()
        pipeline = engine.pipeline()
        assert_that(pipeline | beam.Create([1, 2]) | beam.Map(lambda n: n + 1), equal_to([2, 3]))
        pipeline.run().wait_until_finish()
        assert engine.trouble() is None
    finally:
        engine.close()


@pytest.mark.parametrize("engine", [spark(), flink(), LocalEngine()])
def test_what_is_asked_for_can_be_read(engine: Engine) -> None:
    assert all(engine.asks_for().values())
