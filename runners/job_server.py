"""Beam's Java job server: found or fetched, run beside the launcher, and listened to."""

import re
import socket
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from runners.errors import RunnerError
from runners.java import OPENED, find_java
from runners.server import Server

_SECONDS_TO_START = 30.0
_SECONDS_PER_READ = 20.0


class JobServer:
    """A Java job server of this launcher's own.

    Args:
        name: how messages call it.
        jar: from :func:`find_jar`.
        arguments: of its main class.
        properties: of the Java machine, ``name=value``.
        on_line: called with each line that it prints, from a thread.

    """

    def __init__(
        self,
        name: str,
        jar: Path,
        arguments: Sequence[str],
        properties: Sequence[str] = (),
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        java = find_java()
        artifacts = Path(tempfile.mkdtemp(prefix="calumma-artifacts-"))
        # The kernel picks free ports: two runs on one machine do not meet.
        self._server = Server(
            name,
            [
                java,
                *OPENED,
                *(f"-D{name}" for name in properties),
                "-jar",
                str(jar),
                *("--job-port", "0", "--artifact-port", "0", "--expansion-port", "-1"),
                *("--artifacts-dir", str(artifacts)),
                *arguments,
            ],
            on_line,
            artifacts,
        )

    def endpoint(self) -> str:
        """Where it takes jobs, once it does.

        Raises:
            RunnerError: it did not start.

        """
        found = self._server.wait_for(r"JobService started on ([^\s:]+:\d+)", _SECONDS_TO_START)
        return found[1]

    def trouble(self) -> str | None:
        """A sentence if it ended without being asked to."""
        return self._server.last_words() if self._server.ended() else None

    def close(self) -> None:
        """End it; may be called again."""
        self._server.close()


def find_jar(given: str | None, engine: str, gradle_target: str) -> Path:
    """The jar of a job server: the one that is given, else Beam's own of the installed version.

    Args:
        engine: ``spark`` or ``flink``.
        gradle_target: how Beam's build calls it; its published name follows from that.

    Raises:
        RunnerError: there is no such file, or Beam's cannot be fetched.

    """
    option = f"--{engine}-job-server-jar"
    if given is not None:
        jar = Path(given).expanduser()
        if not zipfile.is_zipfile(jar):
            raise RunnerError(f"{option} names {given}, which is no jar file on this machine.")
        return jar.resolve()
    from apache_beam.utils.subprocess_server import JavaJarServer

    found = JavaJarServer.path_to_beam_jar(gradle_target)
    try:
        with _impatient():
            jar = Path(JavaJarServer.local_jar(found))
    except (RuntimeError, OSError, ValueError) as error:
        # Beam tells of each address that it tried, and of its cache.
        told = re.search(r"(HTTP Error \d+: [\w ]+|urlopen error [^>]*)", str(error))
        reason = told[1] if told else type(error).__name__
        raise RunnerError(
            f"Beam's job server {Path(found).name} could not be fetched ({reason}). Build one with "
            f"mvn -f {Path(__file__).parent / engine / 'pom.xml'} package "
            f"-Doutput.folder=FOLDER, and name it with {option}."
        ) from error
    if not zipfile.is_zipfile(jar):
        # Beam keeps what came before a connection broke off.
        jar.unlink()
        raise RunnerError(f"Beam's job server {jar.name} came cut short. Run the command again.")
    return jar


@contextmanager
def _impatient() -> Iterator[None]:
    """Beam fetches without a time limit; a silent host must not be waited for."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS_PER_READ)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
