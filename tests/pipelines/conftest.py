"""A catalog of real pictures, and jobs whose model answers at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli import run
from tests.end_to_end.conftest import copy_pictures
from tests.transforms.work import FakeDescriber
from transforms import describe

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures in a folder."""
    return copy_pictures(tmp_path_factory.mktemp("catalog") / "pictures", 0, 10)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeDescriber:
    """What describes the pictures, whichever model is named."""
    model = FakeDescriber()
    monkeypatch.setattr(describe, "load_describer", lambda *_, **__: model)
    return model


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process; give its exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([*map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
