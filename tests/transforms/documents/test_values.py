"""What a row says, and where its objects are."""

import json
from random import Random
from typing import Any

import pytest

from schemas.asset import Asset
from schemas.errors import RowError
from transforms.documents.boxes import frame_box, write_boxes
from transforms.documents.values import RowValues, Value


def row(**attributes: Any) -> RowValues:
    asset = Asset(asset_id="a", uri="", text=" a dog ", attributes=json.dumps(attributes))
    return RowValues(asset)


def test_columns_are_texts_numbers_and_lists() -> None:
    random = Random(0)
    values = row(count=3, right=True, answers=["yes", "", "no"], text="not this one")
    assert values.text("text", random) == Value(text="a dog")
    assert values.text("count", random) == Value(text="3")
    assert values.text("right", random) == Value(text="yes")
    drawn = {values.text("answers", random) for _ in range(50)}
    assert drawn == {Value(text="yes", drawn=0), Value(text="no", drawn=1)}
    assert values.name("") == "a"
    assert values.name("count") == "3"


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("question", "has no column question"),
        ("empty", "column empty is empty"),
        ("none", "column none is empty"),
        ("blanks", "column blanks is empty"),
        ("license", "column license is empty"),
        ("parts", "column parts is empty"),
    ],
)
def test_what_says_nothing_fails_with_its_name(column: str, said: str) -> None:
    values = row(empty=[], none=None, blanks=[" "], parts={"a": 1})
    # What the row says is part of its key, so an ordinary run tries a corrected one.
    with pytest.raises(RowError, match=rf"{said}.*, and run again\.$"):
        values.text(column, Random(0))


def test_objects_are_written_with_their_boxes() -> None:
    box = {"name": "bottle", "box": [199, 130, 204.4, 150]}
    for written in ([box], json.dumps([box])):
        objects = row(objects=written).objects("objects")
        assert write_boxes(objects) == "bottle at location (199, 130) -> (204, 150)"
    for bad in ("[", [{"name": "bottle"}], [{**box, "box": [1, 2]}], [1], [{**box, "name": ""}]):
        with pytest.raises(RowError, match="must be a list of objects"):
            row(objects=bad).objects("objects")


def test_crowds_are_no_objects() -> None:
    dog = {"name": "dog", "box": [1, 2, 3, 4]}
    crowd = {"name": "person", "box": [0, 0, 9, 9], "crowd": True}
    for written in ([crowd, {**dog, "crowd": False}], json.dumps([dog, crowd])):
        assert row(objects=written).objects("objects") == [("dog", (1, 2, 3, 4))]
    with pytest.raises(RowError, match="boxes of crowds alone"):
        row(objects=[crowd]).objects("objects")


def test_boxes_are_carried_over_to_what_the_model_sees() -> None:
    # Twice as wide as high: scaled to 128 x 64, of which the middle is seen.
    assert frame_box((100, 0, 200, 100), (200, 100), (64, 64)) == (32, 0, 64, 64)
    assert frame_box((50, 25, 150, 75), (200, 100), (64, 64)) == (0, 16, 64, 48)
    assert frame_box((0, 0, 50, 100), (200, 100), (64, 64)) is None
    assert frame_box((0, 0, 32, 32), (64, 64), (64, 64)) == (0, 0, 32, 32)
