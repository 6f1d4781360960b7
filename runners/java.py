"""Finding a Java that the job servers run on."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from runners.errors import RunnerError

_SECONDS = 10.0
# What Spark 3.5 and Flink 1.19 run on alike.
SERVED = (11, 17)

# What Spark, Flink and Beam reach into; also in the manifest of the jars that are built here.
OPENED = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.lang",
        "java.lang.invoke",
        "java.lang.reflect",
        "java.io",
        "java.net",
        "java.nio",
        "java.util",
        "java.util.concurrent",
        "java.util.concurrent.atomic",
        "sun.nio.ch",
        "sun.nio.cs",
        "sun.security.action",
        "sun.util.calendar",
    )
)


def find_java() -> str:
    """The path of a Java that serves.

    Raises:
        RunnerError: there is none, or it is of another version.

    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        where = f"at JAVA_HOME ({home})" if home else "on the PATH"
        raise RunnerError(
            f"There is no Java {where}. Install Java 17 (on Debian: apt-get install "
            "openjdk-17-jre-headless), or point JAVA_HOME to one."
        )
    version = _version(java)
    if version not in SERVED:
        named = "of an unknown version" if version is None else f"version {version}"
        raise RunnerError(
            f"The Java at {java} is {named}; Spark 3 and Flink 1 run on 11 and 17. "
            "Point JAVA_HOME to one of those."
        )
    return java


def _version(java: str) -> int | None:
    """The major version; None where it cannot be told."""
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    return int(found[1]) if found else None
