"""Right and wrong, as the page marks them."""

import pytest

from reports.correctness import is_right


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("teal", ["teal"]),
        ("Teal.", ["red", "teal"]),
        (" two   shapes ", ["Two shapes"]),
        ('"yes"', ["yes"]),
        ("ﬁve", ["five"]),
        ("STRASSE", ["straße"]),
        ("?", ["?"]),
    ],
)
def test_right(text: str, answers: list[str]) -> None:
    assert is_right(text, answers)


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("teal", ["red"]),
        ("", ["yes"]),
        ("yes", []),
        ("-5", ["5"]),
        (".5", ["5"]),
        ("no", ["not"]),
        ("?", ["!"]),
    ],
)
def test_wrong(text: str, answers: list[str]) -> None:
    assert not is_right(text, answers)
