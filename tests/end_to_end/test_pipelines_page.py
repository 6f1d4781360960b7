"""The examples of docs/pipelines.md, run as they stand there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.end_to_end.conftest import copy_pictures

PAGE = Path(__file__).parents[2] / "docs" / "pipelines.md"
EXPECTED = ["0000.png", "0001.png", "first.png"]


def blocks(language: str) -> list[str]:
    """The page's code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ``photos``: three pictures and a page of text."""
    photos = copy_pictures(tmp_path / "photos", 0, 2)
    copy_pictures(tmp_path / "more", 2, 3)
    (tmp_path / "more" / "0002.png").rename(photos / "first.png")
    (photos / "page.png").write_text("<html></html>")
    return tmp_path


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_files(folder: Path) -> None:
    (captions,) = folder.glob("captions-*.parquet")
    rows = pq.ParquetFile(captions).read().to_pylist()
    assert sorted(row["asset_id"] for row in rows) == EXPECTED
    assert all(row["text"] for row in rows)
    (failures,) = folder.glob("failures-*.parquet")
    assert pq.ParquetFile(failures).read()["asset_id"].to_pylist() == ["page.png"]


def test_the_python_pipeline(folder: Path) -> None:
    program = blocks("python")[0]
    (folder / "own.py").write_text(program)
    run(folder, "own.py")
    check_files(folder)


def test_the_python_pipeline_of_other_pictures(folder: Path) -> None:
    program = blocks("python")[1]
    (folder / "own.py").write_text(program)
    assert re.fullmatch(r"first (yes|no)\n", run(folder, "own.py"))


def test_the_yaml_pipeline(folder: Path) -> None:
    (folder / "captions.yaml").write_text(blocks("yaml")[0])
    python, *command = shlex.split(blocks("console")[0].removeprefix("$ "))
    assert python == "python"
    run(folder, *command)
    check_files(folder)


def test_every_example_is_run() -> None:
    assert len(blocks("python")) == 2
    # The second is the list of providers as tests/end_to_end/test_yaml.py includes it.
    assert len(blocks("yaml")) == 2
    assert len(blocks("console")) == 1
