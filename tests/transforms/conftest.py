"""Real pictures, and the tallies of a process kept apart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.store.local import LocalStore
from tests.end_to_end.conftest import copy_pictures
from tests.transforms.reading import IDS
from tests.transforms.work import a_catalog
from transforms import tally


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Forty pictures of easy-VQA, all different files of 64 by 64 pixels."""
    folder = copy_pictures(tmp_path_factory.mktemp("pictures"), 0, 40)
    return sorted(folder.iterdir())


@pytest.fixture(autouse=True)
def own_tallies() -> Iterator[None]:
    """Tests use the same run id in one process: none may see another's counts."""
    tally._tallies.clear()
    yield
    tally._tallies.clear()


@pytest.fixture
def catalog(tmp_path: Path, pictures: list[Path]) -> Path:
    """The forty pictures as a Parquet catalog that is one split."""
    return a_catalog(tmp_path / "c.parquet", IDS, pictures)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An output."""
    return LocalStore(tmp_path / "out")
