"""Beam's job server: its jar found or fetched, itself started, watched and ended."""

import gc
import io
import re
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from apache_beam.utils.subprocess_server import JavaJarServer

from runners import job_server
from runners.errors import RunnerError
from runners.job_server import JobServer, find_jar
from runners.reach import check_serves_calls
from tests.servers.job_server_jars import flink_jar, needs_java, spark_jar
from tests.servers.web import Answer, Web, raw, reply, web_server

TARGET = ":runners:spark:3:job-server:shadowJar"


def a_jar() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n" * 1000)
    return content.getvalue()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Web]:
    """Where Beam fetches jars from, with a cache of its own."""
    with web_server() as web:
        monkeypatch.setattr(JavaJarServer, "MAVEN_CENTRAL_REPOSITORY", f"{web.url}/maven")
        monkeypatch.setattr(JavaJarServer, "GOOGLE_MAVEN_MIRROR", f"{web.url}/mirror")
        monkeypatch.setattr(JavaJarServer, "JAR_CACHE", str(tmp_path / "cache"))
        yield web
    gc.collect()


# Beam closes none of the connections over which it fetches.
fetching = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def answer_all(web: Web, answer: Answer) -> None:
    path = JavaJarServer.path_to_beam_jar(TARGET).removeprefix(web.url)
    web.answers[path] = answer
    web.answers[path.replace("/maven/", "/mirror/")] = answer


def test_a_jar_that_is_given_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.jar").write_bytes(a_jar())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("mine.jar", "~/mine.jar", str(tmp_path / "mine.jar")):
        assert find_jar(name, "spark", TARGET) == (tmp_path / "mine.jar").resolve()


def test_what_is_no_jar_is_refused_by_the_options_name(tmp_path: Path) -> None:
    (tmp_path / "text.jar").write_text("no jar")
    for path in (tmp_path / "text.jar", tmp_path / "nothing.jar", tmp_path):
        with pytest.raises(RunnerError, match=rf"^--flink-job-server-jar names {path}, which is"):
            find_jar(str(path), "flink", TARGET)


@fetching
def test_beams_own_is_fetched_once(web: Web) -> None:
    answer_all(web, reply(200, a_jar()))
    first = find_jar(None, "spark", TARGET)
    assert first.read_bytes() == a_jar()
    assert find_jar(None, "spark", TARGET) == first
    assert list(web.requests.values()) == [1]
    assert "beam-runners-spark-3-job-server" in first.name


@fetching
@pytest.mark.parametrize(
    ("answer", "reason"),
    [(reply(404), "HTTP Error 404: Not Found"), (reply(503), r"HTTP Error 503: \w+")],
)
def test_one_that_cannot_be_fetched_may_be_built(web: Web, answer: Answer, reason: str) -> None:
    answer_all(web, answer)
    with pytest.raises(RunnerError, match=reason) as caught:
        find_jar(None, "spark", TARGET)
    pom = re.search(r"mvn -f (\S+) package", str(caught.value))
    assert pom is not None
    assert "calumma-spark-job-server" in Path(pom[1]).read_text()
    assert "--spark-job-server-jar" in str(caught.value)


@fetching
def test_a_silent_host_is_not_waited_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_server, "_SECONDS_PER_READ", 0.5)

    def wait(*_: object) -> None:
        web.stopping.wait()

    answer_all(web, wait)
    before = socket.getdefaulttimeout()
    with pytest.raises(RunnerError, match="could not be fetched"):
        find_jar(None, "spark", TARGET)
    web.stopping.set()
    assert socket.getdefaulttimeout() == before


@fetching
def test_a_jar_that_came_cut_short_is_not_kept(web: Web) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(a_jar())}\r\n\r\n".encode()
    answer_all(web, raw(head + a_jar()[: len(a_jar()) // 2]))
    with pytest.raises(RunnerError, match=r"came cut short\. Run the command again"):
        find_jar(None, "spark", TARGET)
    answer_all(web, reply(200, a_jar()))
    assert find_jar(None, "spark", TARGET).read_bytes() == a_jar()


@needs_java
@pytest.mark.parametrize(
    ("jar", "arguments"),
    [
        (spark_jar, ["--spark-master-url", "local[1]"]),
        (flink_jar, ["--flink-master", "[local]"]),
    ],
)
def test_it_serves_until_it_is_closed(jar: object, arguments: list[str]) -> None:
    assert callable(jar)
    lines: list[str] = []
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    server = JobServer("The server", jar(), arguments, ["some.property=1"], lines.append)
    try:
        address = server.endpoint()
        check_serves_calls(address, "The server", "")
        assert server.trouble() is None
        family = psutil.Process().children(recursive=True)
        started = [child for child in family if child.pid not in before]
        commands = [child.cmdline() for child in started]
        assert any("-Dsome.property=1" in command for command in commands)
        (java,) = [command for command in commands if command[0].endswith("java")]
        artifacts = Path(java[java.index("--artifacts-dir") + 1])
        assert artifacts.is_dir()
    finally:
        server.close()
    assert not any(child.is_running() for child in started)
    assert not artifacts.exists()
    assert server.trouble() is None
    assert any("JobService started" in line for line in lines)


@needs_java
def test_a_jar_that_is_no_job_server_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.jar").write_bytes(a_jar())
    server = JobServer("The server", tmp_path / "mine.jar", [])
    try:
        with pytest.raises(RunnerError, match=r"The server ended with exit code 1.*mine\.jar$"):
            server.endpoint()
        assert server.trouble() is not None
    finally:
        server.close()
