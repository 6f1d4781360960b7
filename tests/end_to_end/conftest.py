"""Small catalogs of real pictures, and the command line run in this process."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from easy_vqa import get_test_image_paths

from pipelines.cli import run

RunJson = Callable[..., dict[str, Any]]


def copy_pictures(folder: Path, first: int, stop: int) -> Path:
    """Copy some easy-VQA test pictures, named by number."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = get_test_image_paths()
    for number in range(first, stop):
        shutil.copy2(paths[number], folder / f"{number:04d}.png")
    return folder


def read_table(out: Path, table: str) -> list[dict[str, Any]]:
    """Read a table as a reader does who only globs its files, sorted by id."""
    files = sorted((out / table).glob("*/*.parquet"))
    rows: list[dict[str, Any]] = [
        row for file in files for row in pq.ParquetFile(file).read().to_pylist()
    ]
    return sorted(rows, key=lambda row: (row["asset_id"], row.get("question_id", "")))


def described(out: Path, table: str = "captions") -> list[tuple[Any, ...]]:
    """What a table says, without what depends on where the catalog lies."""
    return [
        (row["asset_id"], row.get("question_id"), row["text"], round(row["mean_logprob"], 4))
        for row in read_table(out, table)
    ]


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Models this small only lose by threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures in a folder."""
    return copy_pictures(tmp_path_factory.mktemp("catalog") / "pictures", 0, 40)


@pytest.fixture(scope="session")
def captions(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of captioning the folder: what other forms of the catalog are compared with."""
    out = tmp_path_factory.mktemp("reference") / "out"
    assert run(["caption", str(pictures), str(out), "--json"]) == 0
    return out


@pytest.fixture
def run_json(capsys: pytest.CaptureFixture[str]) -> RunJson:
    """Run a command with --json; give its manifest."""

    def call(*arguments: object, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert run([*map(str, arguments), "--json"]) == code
        result: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return result

    return call


def write_parquet(path: Path, columns: dict[str, Any]) -> Path:
    """Write a small Parquet catalog."""
    pq.write_table(pa.table(columns), path)
    return path
