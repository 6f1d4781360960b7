"""Lines as Spark, Flink and Beam print them, and the sentences that they make."""

import pytest

from runners.worker import NO_BEAM, PACKAGES_TO_INSTALL
from runners.worker_errors import worker_error

LOST = (
    "[task-result-getter-1] WARN org.apache.spark.scheduler.TaskSetManager - Lost task 1.0 in "
    "stage 0.0 (TID 1) (localhost executor 0): org.apache.beam.vendor.guava.v32_1_2_jre.com.google"
    ".common.util.concurrent.UncheckedExecutionException: "
)
DIED = "Caused by: java.lang.IllegalStateException: Process died with exit code "
DOCKER = (
    "java.io.IOException: Received exit code 125 for command 'docker run -d --mount type=bind,"
    "src=/root/.config/gcloud,dst=/root/.config/gcloud --network=host "
    "--env=DOCKER_MAC_CONTAINER=null mine:latest --id=1-1 "
    "--provision_endpoint=localhost:38787'. stderr: docker: Cannot connect to the Docker daemon "
    "at unix:///var/run/docker.sock. Is the docker daemon running?Run 'docker run --help' for "
    "more information"
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            (
                "schemas.errors.WorkerError: The worker vm has Calumma 9.9.9, and the run was "
                "begun with 0.1.0. Install one version on all machines. [while running "
                "'CatalogJob/PlanSplits/ParDo(PlanSplits)']"
            ),
            (
                "The worker vm has Calumma 9.9.9, and the run was begun with 0.1.0. Install one "
                "version on all machines."
            ),
        ),
        (
            "schemas.errors.WorkerError: There is no catalog /c on the worker vm. Name one.  ",
            "There is no catalog /c on the worker vm. Name one.",
        ),
        (
            "ModuleNotFoundError: No module named 'transforms'",
            "A worker's Python has no Calumma, or another one (no module 'transforms'). Install",
        ),
        (
            "ModuleNotFoundError: No module named 'storage.staged'",
            "no module 'storage.staged'",
        ),
        (
            (
                'Caused by: java.io.IOException: Cannot run program "/nowhere/calumma-worker": '
                "error=2, No such file or directory"
            ),
            "A worker could not start /nowhere/calumma-worker. Install Calumma at the same place",
        ),
        (
            'Cannot run program "/w/boot" (in directory "/tmp"): error=13, Permission denied',
            "A worker could not start /w/boot.",
        ),
        (
            'Caused by: java.io.IOException: Cannot run program "docker": error=2, No such file',
            "A worker found no docker to start --worker-image with. Install it there",
        ),
        (
            LOST + DOCKER,
            (
                "A worker could not start a container of --worker-image: docker: Cannot connect to "
                "the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
            ),
        ),
        (f"{DIED}{NO_BEAM}", "A worker's Python lacks what Calumma needs. Install this version"),
        (f"{DIED}{PACKAGES_TO_INSTALL}", "calumma-worker installs no packages. Install them on"),
        (f"{DIED}1", "A worker ended with exit code 1 as soon as it was started. Run its program"),
        (f"{DIED}127", "A worker ended with exit code 127 as soon as it was started."),
        (
            (
                "Caused by: org.apache.beam.vendor.grpc.v1p60p1.io.netty.channel.AbstractChannel"
                "$AnnotatedConnectException: finishConnect(..) failed: Connection refused: "
                "vm/127.0.0.1:50000"
            ),
            "No worker pool answers at vm/127.0.0.1:50000. Start one on each machine with",
        ),
        (
            (
                "[appclient-registration-retry-thread] ERROR org.apache.spark.scheduler.cluster."
                "StandaloneSchedulerBackend - Application has been killed. Reason: All masters are "
                "unresponsive! Giving up."
            ),
            "The Spark master takes no job. Check its address",
        ),
        (
            (
                "Caused by: java.util.concurrent.TimeoutException: Waited 3 minutes (plus 328495 "
                "nanoseconds delay) for SettableFuture@196975a[status=PENDING]"
            ),
            "A worker took up no work for 3 minutes, as one does whose Python has no Calumma",
        ),
    ],
)
def test_a_line_makes_a_sentence(line: str, said: str) -> None:
    found = worker_error(line)
    assert found is not None
    assert said in found
    assert found == found.strip()
    assert "{" not in found


@pytest.mark.parametrize(
    "line",
    [
        "",
        (
            "[main] INFO org.apache.beam.runners.jobsubmission.JobServerDriver - JobService "
            "started on localhost:36493"
        ),
        # A signal, as where memory ran out: another try may succeed.
        f"{DIED}137",
        f"{DIED}143",
        # An error of a row or of the run is told by the pipeline's own end.
        "schemas.errors.RunError: The file photos.csv has changed while it was read.",
        # Of the user's own code, or a package that comes with no version of ours.
        "ModuleNotFoundError: No module named 'flash_attn'",
        "ModuleNotFoundError: No module named 'modelscope'",
        # An executor that has gone, which Spark replaces.
        (
            "Caused by: io.netty.channel.AbstractChannel$AnnotatedConnectException: Connection "
            "refused: vm/127.0.0.1:42853"
        ),
        LOST + "java.util.concurrent.TimeoutException: Waited 30 seconds",
    ],
)
def test_what_another_try_may_mend_makes_none(line: str) -> None:
    assert worker_error(line) is None
