"""The demonstration's catalog: real pictures, the same every time it is written."""

import csv
import sys
from pathlib import Path

import pytest
from easy_vqa import get_test_image_paths

from pipelines.demo import write_demo_catalog
from schemas.errors import UsageError


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_demo_catalog(tmp_path_factory.mktemp("demo"))


def contents(pictures: Path) -> list[tuple[str, bytes, int]]:
    return [
        (path.name, path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(pictures.iterdir())
    ]


def asked(questions: Path) -> list[dict[str, str]]:
    with questions.open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_holds_a_thousand_pictures_as_they_are(demo: tuple[Path, Path]) -> None:
    names = [name for name, _, _ in contents(demo[0])]
    assert names == [f"{number:04d}.png" for number in range(1000)]
    original = Path(get_test_image_paths()[517])
    assert (demo[0] / "0517.png").read_bytes() == original.read_bytes()


def test_its_questions_are_about_its_pictures_and_have_answers(demo: tuple[Path, Path]) -> None:
    rows = asked(demo[1])
    assert len(rows) == 300
    assert list(rows[0]) == ["asset_id", "question", "answers"]
    for row in rows:
        assert (demo[0] / row["asset_id"]).is_file()
        assert row["question"].endswith("?")
        assert row["answers"]
    # A sample of all pictures, not the first ones.
    assert len({row["asset_id"] for row in rows}) > 200


def test_written_again_it_is_the_same(demo: tuple[Path, Path]) -> None:
    before, questions = contents(demo[0]), demo[1].read_bytes()
    assert write_demo_catalog(demo[0].parent) == demo
    assert contents(demo[0]) == before
    assert demo[1].read_bytes() == questions


def test_written_elsewhere_it_is_the_same(demo: tuple[Path, Path], tmp_path: Path) -> None:
    pictures, questions = write_demo_catalog(tmp_path / "other" / "catalog")
    assert contents(pictures) == contents(demo[0])
    assert questions.read_bytes() == demo[1].read_bytes()


def test_a_picture_that_was_lost_is_written_again(demo: tuple[Path, Path]) -> None:
    before = contents(demo[0])
    (demo[0] / "0003.png").unlink()
    write_demo_catalog(demo[0].parent)
    assert contents(demo[0]) == before


def test_without_its_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "easy_vqa", None)
    with pytest.raises(UsageError, match="pip install"):
        write_demo_catalog(tmp_path)
    assert not list(tmp_path.iterdir())
