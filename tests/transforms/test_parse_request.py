"""What rows ask of a model that makes images, and what of it cannot be made sense of."""

import json
from typing import Any

import pytest

from schemas.asset import Asset
from schemas.errors import RowError
from schemas.failure import FailureKind
from schemas.generation_request import Box, GenerationRequest
from transforms.parse_request import RequestDefaults, check_boxes, parse_request, parse_size

_DEFAULTS = RequestDefaults(template="draw {prompt}", samples=4, seed=9)


def parse(
    defaults: RequestDefaults = _DEFAULTS, uri: str = "", text: str = "a dog", **columns: Any
) -> tuple[GenerationRequest, int]:
    asset = Asset(asset_id="a", uri=uri, text=text, attributes=json.dumps(columns))
    return parse_request(asset, defaults)


def test_where_a_row_says_nothing_the_defaults_hold() -> None:
    request, samples = parse()
    assert request == GenerationRequest(text="a dog", prompt="draw a dog", seed=9)
    assert samples == 4
    # Nothing is what tables have for it: null, an empty text, an empty list.
    assert parse(samples=None, seed="", images=[], boxes=None, size=" ") == (request, 4)


def test_a_row_says_more_than_its_prompt() -> None:
    request, samples = parse(
        samples=2,
        seed=2**63 - 1,
        size="768x512",
        images=["one.png", "two.png"],
        documents=[{"id": "d", "uri": "d.png", "text": "a cat", "license": "MIT"}, {"text": "sky"}],
    )
    assert samples == 2
    assert (request.seed, request.size) == (2**63 - 1, (512, 768))
    assert request.images == ("one.png", "two.png")
    assert [(one.document_id, one.text, one.license) for one in request.documents] == [
        ("d", "a cat", "MIT"),
        ("", "sky", ""),
    ]
    boxes = [{"label": "dog", "box": [1, 2, 30.4, 40]}]
    assert parse(boxes=boxes)[0].boxes == (Box(label="dog", left=1, top=2, right=30, bottom=40),)
    request, _ = parse(structure="edges.png", feature="edge")
    assert (request.structure, request.feature) == ("edges.png", "edge")
    assert parse(uri="a.png", mask=[0, 8, 16, 24.2])[0].mask == (0, 8, 16, 24)


def test_tasks_with_a_template_of_their_own_take_it() -> None:
    boxes = [{"label": "dog", "box": [1, 2, 30, 40]}]
    assert parse(boxes=boxes)[0].prompt == (
        "Generate high quality image of a dog with segmentations dog at location (1, 2) -> (30, 40)"
    )
    request, _ = parse(structure="edges.png", feature="edge")
    assert request.lead == "Make high quality image from edge features"
    assert request.prompt == "a dog"
    # A part of a picture is drawn as a whole one is.
    assert parse(uri="a.png", mask=[0, 0, 8, 8])[0].prompt == "draw a dog"


def test_texts_of_a_csv_and_numbers_of_a_table_with_gaps_are_read() -> None:
    request, samples = parse(samples="2", seed=7.0, images='["one.png"]')
    assert (samples, request.seed, request.images) == (2, 7, ("one.png",))
    request, _ = parse(boxes='[{"label": "dog", "box": [0, 0, 5, 5]}]')
    assert request.boxes == (Box(label="dog", left=0, top=0, right=5, bottom=5),)
    assert parse(images="one.png")[0].images == ("one.png",)


def test_columns_of_a_catalog_of_pictures_are_left_alone() -> None:
    defaults = RequestDefaults(template="{prompt}", text="make it blue", reads_columns=False)
    request, samples = parse(defaults, uri="a.png", samples=-1, boxes="many", seed="x")
    assert (request.prompt, request.seed, samples) == ("make it blue", None, 1)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"text": " "}, "no prompt"),
        ({"samples": 0}, "0 samples"),
        ({"samples": -1}, "-1 samples"),
        ({"samples": 10**6}, "10000 at most"),
        ({"samples": "two"}, "samples that must hold a whole number"),
        ({"samples": 1.5}, "samples that must hold a whole number"),
        ({"samples": True}, "samples that must hold a whole number"),
        ({"seed": -1}, "from 0 to"),
        ({"seed": 2**63}, "from 0 to"),
        ({"seed": [1]}, "seed that must hold a whole number"),
        ({"size": "768"}, "WIDTHxHEIGHT"),
        ({"size": "0x512"}, "WIDTHxHEIGHT"),
        ({"size": 512}, "size that must hold a text"),
        ({"images": ["a.png", 3]}, "images that must hold a text"),
        ({"images": ["a.png", None]}, "without gaps"),
        ({"images": "[a.png"}, "images that is not JSON"),
        ({"boxes": ["dog"]}, "boxes that must hold a list of"),
        ({"boxes": [{"box": [0, 0, 1, 1]}]}, "with a label"),
        ({"boxes": [{"label": "dog", "box": [0, 0, 1]}]}, "four numbers"),
        ({"boxes": [{"label": "dog", "box": [0, 0, 1, "1"]}]}, "four numbers"),
        ({"boxes": [{"label": "dog", "box": [-3, 0, 5, 5]}]}, "inside the picture"),
        ({"boxes": [{"label": "dog", "box": [9, 0, 5, 5]}]}, "inside the picture"),
        ({"feature": "edge"}, "no structure picture"),
        ({"structure": "edges.png"}, "does not say what it shows"),
        ({"mask": [0, 0, 8, 8]}, "the row's own picture"),
        ({"uri": "a.png", "images": ["b.png"], "mask": [0, 0, 8, 8]}, "and no others"),
        ({"uri": "a.png", "mask": [0, 0, 8]}, "mask that must hold boxes of four numbers"),
        ({"uri": "a.png", "mask": [8, 0, 8, 8]}, "inside the picture"),
        ({"documents": [{"license": "MIT"}]}, "a uri, a text or both"),
        ({"documents": ["a.png"]}, "documents that must hold a list of"),
        ({"uri": "a.png", "structure": "b.png"}, "a source picture and a structure picture"),
        (
            {"images": ["a.png"], "boxes": [{"label": "dog", "box": [0, 0, 5, 5]}]},
            "a source picture and boxes",
        ),
    ],
)
def test_what_makes_no_sense_is_told(columns: dict[str, Any], words: str) -> None:
    with pytest.raises(RowError) as caught:
        parse(**columns)
    assert caught.value.kind is FailureKind.INVALID_ROW
    assert words in caught.value.message
    assert caught.value.message.startswith("The row ")


def test_boxes_end_where_the_picture_does() -> None:
    (box,) = parse(boxes=[{"label": "dog", "box": [0, 0, 64, 32]}])[0].boxes
    check_boxes((box,), 32, 64)
    with pytest.raises(RowError, match="not inside the picture of 64 x 31 pixels"):
        check_boxes((box,), 31, 64)


def test_sizes_are_width_and_height() -> None:
    assert parse_size("768X512") == (512, 768)
