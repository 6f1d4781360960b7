"""The catalogs that the embedded model is made of."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench.pixel_checker import look_at
from training.captions import COLORS, SHAPES
from training.embedded.catalogs import TWIN, World, read_world, write_catalogs, write_held_out
from training.embedded.questions import Asked, asked_of


@pytest.fixture(scope="module")
def world() -> World:
    return read_world()


def test_a_question_is_asked_of_another_picture() -> None:
    random = np.random.default_rng(0)
    red, blue = COLORS.index("red"), COLORS.index("blue")
    circle, triangle = SHAPES.index("circle"), SHAPES.index("triangle")
    said = Asked(question="is the red shape a circle?", answer="yes", color=red, shape=circle)
    assert asked_of(said, blue, triangle, random) == ("is the blue shape a triangle?", "yes")
    told = Asked(question="what color is the circle?", answer="red", color=red, shape=circle)
    assert asked_of(told, blue, circle, random) == ("what color is the circle?", "blue")
    # A question about what is not there stays one.
    other = Asked(question="is there a green shape?", answer="no", color=red, shape=circle)
    questions = {asked_of(other, blue, circle, random)[0] for _ in range(200)}
    assert questions == {f"is there a {color} shape?" for color in COLORS if color != "blue"}


def test_painted_catalogs_say_what_their_pictures_show(world: World, tmp_path: Path) -> None:
    write_catalogs(world, tmp_path, scenes=10, questions=3, seed=1)
    pictures = pq.read_table(tmp_path / "pictures.parquet").to_pylist()
    assert len(pictures) == len({row["id"] for row in pictures}) == 40
    seen = 0
    for row in pictures:
        looked = look_at(np.asarray(Image.open(io.BytesIO(row["image"]))))
        assert looked.color == row["color"]
        seen += looked.shape == row["shape"]
    # The checker takes some cut-off shapes for others.
    assert seen >= 38
    by_id = {row["id"]: row for row in pictures}
    for row in pictures:
        assert row["text"] == f"a {row['color']} {row['shape']}"
        assert f" {row['color']} {row['shape']} in the " in row["long"]
        assert len(set(row["references"])) == 5
        assert all(f"{row['color']} {row['shape']}" in text for text in row["references"])
    questions = pq.read_table(tmp_path / "questions.parquet").to_pylist()
    assert len(questions) == len({row["question_id"] for row in questions}) == 200
    captions = {"describe briefly": "text", "describe in detail": "long"}
    for row in questions:
        shown = by_id[row["image_id"]]
        (answer,) = row["answers"]
        if (column := captions.get(row["question"])) is not None:
            assert answer == shown[column]
        else:
            assert answer in {"yes", "no", shown["color"], shown["shape"]}
    assert sum(row["question"] in captions for row in questions) == 80
    edits = pq.read_table(tmp_path / "edits.parquet").to_pylist()
    assert len(edits) == len({row["id"] for row in edits}) == 120
    assert len({(row["image_before"], row["image_after"]) for row in edits}) == 120
    for row in edits:
        before, after = by_id[row["image_before"]], by_id[row["image_after"]]
        assert before["shape"] == after["shape"]
        assert before["color"] != after["color"]
        assert row["instruction"] == f"make it {after['color']}"


def test_nothing_is_painted_from_what_is_held_out(world: World, tmp_path: Path) -> None:
    assert len(world.held_out) == 400
    assert len(world.known) + 400 == len(read_world(0).known)
    write_held_out(world, tmp_path, seed=0)
    rows = pq.read_table(tmp_path / "questions.parquet").to_pylist()
    own = [
        row
        for row in rows
        if TWIN not in row["image_id"] and not row["question"].startswith("describe")
    ]
    asked = [one for some in world.asked_of_held_out for one in some]
    assert [row["answers"] for row in own] == [[one.answer] for one in asked]
    assert [row["question"] for row in own][:50] == [one.question for one in asked][:50]
