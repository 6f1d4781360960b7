"""What tests of runners need on a machine: Java, the job servers' jars, Prism.

``python -m tests.servers.job_server_jars`` builds the jars beforehand: the first time, Maven
fetches some hundred MB.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import runners

PRISM = shutil.which("prism") or str(Path.home() / "go" / "bin" / "prism")

_POMS = Path(runners.__file__).parent
_CACHE = Path.home() / ".cache" / "calumma-tests"
# Where it is set, a machine that lacks something fails the tests rather than skip them.
_REQUIRED = os.environ.get("CALUMMA_REQUIRE_RUNNERS") == "1"

needs_java = pytest.mark.skipif(
    not _REQUIRED and not (shutil.which("java") and shutil.which("mvn")),
    reason="Java 17 and Maven are not installed: apt-get install openjdk-17-jre-headless maven",
)
needs_prism = pytest.mark.skipif(
    not _REQUIRED and not Path(PRISM).exists(),
    reason="Prism is not installed: go install github.com/apache/beam/sdks/v2/go/cmd/prism",
)


def spark_jar() -> Path:
    """The Spark job server's jar, built if it is not there yet."""
    return _jar("spark")


def flink_jar() -> Path:
    """The Flink job server's jar, built if it is not there yet."""
    return _jar("flink")


def _jar(engine: str) -> Path:
    pom = _POMS / engine / "pom.xml"
    jar = _CACHE / hashlib.sha256(pom.read_bytes()).hexdigest() / f"calumma-{engine}-job-server.jar"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jar.exists():
            with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
                goals = ["package", f"-Doutput.folder={folder}"]
                subprocess.run(["mvn", "-q", "-B", "-f", str(pom), *goals], check=True)
                jar.parent.mkdir(exist_ok=True)
                (Path(folder) / jar.name).rename(jar)
    return jar


if __name__ == "__main__":
    for built in (spark_jar(), flink_jar()):
        print(built)
