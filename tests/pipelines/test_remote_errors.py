"""Errors of ours, and the telling line, out of what runners pass on as text."""

import apache_beam as beam
import pytest

from pipelines.failures import as_calumma_error
from pipelines.remote_errors import error_told_in, last_line, without_beams_note
from runners.errors import RunnerError
from runners.prism import PrismEngine
from schemas.errors import CatalogError, CountMismatchError, RowError, RunError, WorkerError
from schemas.failure import FailureKind
from tests.servers.job_server_jars import needs_prism

PYTHONS = """\
Pipeline BeamApp-root-1126_3a87 failed in state FAILED: java.lang.RuntimeException: Error received \
from SDK harness for instruction 1: Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1512, in apache_beam.runners.common.DoFnRunner.process
  File "/work/steps.py", line 13, in step
    ^^^^^^^^^
{raised}

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/lib/apache_beam/runners/worker/sdk_worker.py", line 310, in _execute
    response = task()
               ^^^^^^
{raised} [while running 'CatalogJob/Work/ReadSplits']

\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient.onNext(F.java:1)
\t... 3 more
"""
JAVAS = """\
Pipeline BeamApp-root-1126_bb1c failed in state FAILED: org.apache.spark.SparkException: Job \
aborted due to stage failure: Task 0 in stage 0.0 failed 1 times, most recent failure: Lost task \
0.0 in stage 0.0 (TID 0) (node-1 executor driver): org.apache.beam.vendor.guava.v32_1_2_jre.com.\
google.common.util.concurrent.UncheckedExecutionException: UNAVAILABLE: io exception
\tat org.apache.beam.runners.fnexecution.environment.ExternalEnvironmentFactory.create(E.java:1)
Caused by: java.net.ConnectException: finishConnect(..) failed: Connection refused
\tat java.base/java.lang.Thread.run(Thread.java:840)

Driver stacktrace:
"""


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("kind", [CatalogError, CountMismatchError, WorkerError, RunError])
def test_an_error_of_ours_is_told_as_what_it_was(kind: type[RunError], quoted: bool) -> None:
    text = PYTHONS.format(raised=f"schemas.errors.{kind.__name__}: There is none. Name another.")
    error = error_told_in(text.replace("\n", "\\n") if quoted else text)
    assert type(error) is kind
    assert str(error) == "There is none. Name another."


def test_the_last_of_several_counts() -> None:
    text = "schemas.errors.ModelError: No folder.\n\nschemas.errors.WorkerError: No folder here.\n"
    assert repr(error_told_in(text)) == repr(WorkerError("No folder here."))


@pytest.mark.parametrize("name", ["RowError", "FailureKind", "Unheard", "__doc__"])
def test_what_ends_no_run_or_is_of_another_version_is_an_error_of_the_run(name: str) -> None:
    assert repr(error_told_in(f"schemas.errors.{name}: So it was.")) == repr(RunError("So it was."))


def test_where_none_is_ours_the_python_line_is_told() -> None:
    text = PYTHONS.format(raised="ZeroDivisionError: division by zero")
    assert error_told_in(text) is None
    assert last_line(text) == "ZeroDivisionError: division by zero"
    assert last_line(text.replace("\n", "\\n")) == "ZeroDivisionError: division by zero"


def test_where_no_python_is_javas_cause_is_told() -> None:
    assert error_told_in(JAVAS) is None
    refused = "java.net.ConnectException: finishConnect(..) failed: Connection refused"
    assert last_line(JAVAS) == refused


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "unknown error"),
        ("\n \n", "unknown error"),
        ("it broke", "it broke"),
        (
            "Pipeline x_y failed in state FAILED: java.lang.IllegalStateException: Process died",
            "java.lang.IllegalStateException: Process died",
        ),
        ("bundle inst001 failed: no worker\nmore of it", "more of it"),
    ],
)
def test_short_texts_are_told_as_they_are(text: str, told: str) -> None:
    assert last_line(text) == told


def test_beams_note_is_left_out() -> None:
    said = "It failed. [while running 'A/B'] See there. [while running 'Map(<lambda at x.py:1>)']"
    assert without_beams_note(said) == "It failed. See there."
    assert without_beams_note("as it was") == "as it was"


def test_what_is_no_text_of_a_runner_is_told_from_the_exception() -> None:
    inner = RunnerError("The server ended. Start it.")
    outer = RuntimeError("wrapped")
    outer.__cause__ = inner
    assert repr(as_calumma_error(outer, "/out")) == repr(RunError("The server ended. Start it."))
    text = PYTHONS.format(raised="schemas.errors.CatalogError: There is none.")
    assert repr(as_calumma_error(RuntimeError(text), "/out")) == repr(
        CatalogError("There is none.")
    )
    said = str(as_calumma_error(RuntimeError(JAVAS), "/out"))
    assert said.startswith("The run failed: RuntimeError: java.net.ConnectException: ")
    assert "\n" not in said


def fail_row(_: int) -> int:
    raise RowError(FailureKind.TIMEOUT, "It took too long.")


def fail_catalog(_: int) -> int:
    raise CatalogError("There is no such catalog.")


# Beam's threads end with an error when the server goes.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@needs_prism
def test_errors_come_through_a_real_runner() -> None:
    for step, kind, said in (
        (fail_catalog, CatalogError, "There is no such catalog."),
        (fail_row, RunError, "It took too long."),
    ):
        engine = PrismEngine()
        try:
            engine.start()
            pipeline = engine.pipeline()
            pipeline | beam.Create([1]) | beam.Map(step)
            with pytest.raises(RuntimeError) as caught:
                pipeline.run().wait_until_finish()
        finally:
            engine.close()
        error = as_calumma_error(caught.value, "/out")
        assert (type(error), str(error)) == (kind, said)
