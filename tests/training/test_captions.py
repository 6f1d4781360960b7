"""The captions and what is read from easy-vqa's questions."""

from training.captions import (
    ATTRIBUTES_BEYOND,
    KINDS,
    LOOKS,
    long_captions,
    short_captions,
)
from training.pictures import looks_told


def test_captions_are_in_the_words_of_the_describing_model() -> None:
    assert short_captions()[:2] == ["a red circle", "a red triangle"]
    assert long_captions([ATTRIBUTES_BEYOND + 6]) == [
        "a small red triangle in the bottom left of the image, drawn on a light background."
    ]


def test_every_kind_has_its_caption() -> None:
    kinds = range(LOOKS * ATTRIBUTES_BEYOND)
    captions = long_captions(kinds)
    assert len(set(captions)) == len(kinds) == KINDS[0] * KINDS[1] * KINDS[2] * KINDS[3]
    for kind, caption in zip(kinds, captions, strict=True):
        assert short_captions()[kind // ATTRIBUTES_BEYOND].removeprefix("a ") in caption


def test_questions_tell_colour_and_shape() -> None:
    rows = [
        ("what color is the triangle?", "red", 0),
        ("what shape does the image contain?", "circle", 1),
        ("does the image not contain a teal shape?", "no", 1),
        ("is there a gray shape?", "no", 1),
        ("is there a gray shape?", "yes", 2),
        ("is no circle present?", "yes", 2),
        ("what is the blue shape?", "circle", 3),
        ("what color is the shape?", "red", 3),
    ]
    assert looks_told(rows) == {0: ("red", "triangle"), 1: ("teal", "circle")}
