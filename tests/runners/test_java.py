"""Finding a Java: the right one is taken, and each wrong one told with what to do."""

import shutil
from pathlib import Path

import pytest

from runners import java
from runners.errors import RunnerError
from runners.java import find_java
from tests.servers.job_server_jars import needs_java


def a_java(folder: Path, says: str) -> Path:
    """A program ``java`` that prints something on standard error, as Java does its version."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def no_java_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path' / 'bin'}:/usr/bin:/bin")


@needs_java
def test_the_java_of_this_machine_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_java()
    assert found == shutil.which("java")
    monkeypatch.setenv("JAVA_HOME", str(Path(found).resolve().parents[1]))
    assert Path(find_java()) == Path(found).resolve()


@pytest.mark.parametrize("version", ["11.0.22", "17", "17.0.15-ea"])
def test_versions_that_serve(version: str, tmp_path: Path) -> None:
    program = a_java(tmp_path / "path", f"echo 'openjdk version \"{version}\" 2024-01-16' >&2")
    assert find_java() == str(program)


@pytest.mark.parametrize(
    ("says", "named"),
    [
        ("echo 'openjdk version \"21.0.2\" 2024-01-16' >&2", "version 21"),
        ("echo 'java version \"1.8.0_392\"' >&2", "version 8"),
        ("echo 'Unrecognized option' >&2; exit 1", "of an unknown version"),
        ("sleep 30", "of an unknown version"),
    ],
)
def test_versions_that_do_not_serve(
    says: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "_SECONDS", 0.5)
    program = a_java(tmp_path / "path", says)
    with pytest.raises(RunnerError, match=rf"^The Java at {program} is {named}.*JAVA_HOME"):
        find_java()


def test_a_file_that_is_no_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_java(tmp_path / "home", "").chmod(0o644)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    with pytest.raises(RunnerError, match="of an unknown version"):
        find_java()


def test_without_any_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RunnerError, match=r"no Java on the PATH\. Install Java 17"):
        find_java()


def test_java_home_goes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_java(tmp_path / "path", "echo 'openjdk version \"17\"' >&2")
    home = a_java(tmp_path / "home", "echo 'openjdk version \"11\"' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert find_java() == str(home)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "empty"))
    with pytest.raises(RunnerError, match=rf"no Java at JAVA_HOME \({tmp_path / 'empty'}\)"):
        find_java()
