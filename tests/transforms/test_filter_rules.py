"""Rules of a filter, each against a plain formula."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.phrases import read_phrases
from schemas.asset import normal_license
from schemas.errors import RowError
from schemas.failure import FailureKind
from schemas.verdict import Rule
from transforms.filter_rules import FilterRules, Judge, non_letters, repeated

# What a newer Unicode has made letters of, this Python has not heard of.
characters = st.characters(exclude_categories=["Cn", "Cs"])
words = st.lists(st.sampled_from(["Red", "red", "dog", "x1", "--", "été"])).map(" ".join)
texts = st.text(characters) | words
sizes = st.none() | st.tuples(st.integers(1, 300), st.integers(1, 300))
counts = st.integers(0, 12)
shares = st.floats(0, 1)


def broken(
    rules: FilterRules, text: str = "", license_name: str = "", size: Any = None
) -> set[str]:
    return {rule.value for rule in Judge(rules).judge(text, license_name, size).broken}


@given(texts, counts, counts, counts, counts)
def test_lengths(text: str, few: int, many: int, short: int, long: int) -> None:
    rules = FilterRules(min_words=few, max_words=many, min_characters=short, max_characters=long)
    words, characters = len(text.split()), len(text.strip())
    expected = {
        "min_words": words < few,
        "max_words": words > many,
        "min_characters": characters < short,
        "max_characters": characters > long,
    }
    assert broken(rules, text) == {name for name, breaks in expected.items() if breaks}
    judged = Judge(rules).judge(text, "", None)
    assert (judged.words, judged.characters) == (words, characters)


@given(sizes, st.integers(1, 300), st.integers(1, 300), st.integers(1, 40000), st.floats(1, 9))
def test_sizes(
    size: tuple[int, int] | None, width: int, height: int, pixels: int, ratio: float
) -> None:
    rules = FilterRules(
        min_width=width, min_height=height, min_pixels=pixels, max_aspect_ratio=ratio
    )
    if size is None:
        expected = {"min_width", "min_height", "min_pixels", "max_aspect_ratio"}
    else:
        across, down = size
        expected = {"min_width"} if across < width else set()
        expected |= {"min_height"} if down < height else set()
        expected |= {"min_pixels"} if across * down < pixels else set()
        expected |= (
            {"max_aspect_ratio"} if across > ratio * down or down > ratio * across else set()
        )
    assert broken(rules, size=size) == expected


@given(texts, shares)
def test_letters_are_those_of_all_scripts(text: str, most: float) -> None:
    seen = [character for character in text if not character.isspace()]
    # Control characters that part words for Python and not for Unicode are no blanks.
    seen += [character for character in text if character in "\x1c\x1d\x1e\x1f"]
    others = [one for one in seen if unicodedata.category(one)[0] not in "LM"]
    share = len(others) / len(seen) if seen else 0.0
    assert non_letters(text) == pytest.approx(share)
    assert ("max_non_letters" in broken(FilterRules(max_non_letters=most), text)) == (
        non_letters(text.strip()) > most
    )


@pytest.mark.parametrize(
    ("text", "share"), [("", 0), ("été", 0), ("नमस्ते", 0), ("a1", 0.5), ("12 - !", 1), ("猫 5", 0.5)]
)
def test_shares_of_what_is_no_letter(text: str, share: float) -> None:
    assert non_letters(text) == share


@given(texts, shares)
def test_repeated_words(text: str, most: float) -> None:
    words = [word.casefold() for word in text.split()]
    again = sum(word in words[:place] for place, word in enumerate(words))
    share = again / len(words) if words else 0.0
    assert repeated(text.split()) == pytest.approx(share)
    assert bool(broken(FilterRules(max_repeated_words=most), text)) == (
        repeated(text.split()) > most
    )


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [
        ("CC-BY 4.0", True),
        ("  cc-by\t4.0 ", True),
        ("\uff23\uff23-BY 4.0", True),
        ("CC-BY-4.0", False),
        ("CC-BY 4.0 NC", False),
        ("", False),
    ],
)
def test_licences_are_told_by_their_names(name: str, is_allowed: bool) -> None:
    rules = FilterRules(licenses=(normal_license("cc-by  4.0"),))
    assert broken(rules, license_name=name) == (set() if is_allowed else {"licenses"})


def test_words_and_phrases() -> None:
    rules = FilterRules(
        required_words=read_phrases("dog\ncat", "list"),
        blocked_words=read_phrases("hot dog\n# dog\n", "list"),
    )
    assert broken(rules, "A DOG, hot") == set()
    assert broken(rules, "a hot  dog") == {"blocked_words"}
    assert broken(rules, "dogma") == {"required_words"}
    assert broken(rules) == {"required_words"}


def test_a_pattern_is_looked_for_anywhere() -> None:
    rules = FilterRules(pattern=r"^a\b|\p{Lu}{2}")
    assert broken(rules, "a dog") == broken(rules, "of the ÄÖ") == set()
    assert broken(rules, "an Ä Ö") == broken(rules) == {"pattern"}


def test_a_pattern_that_takes_years_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.filter_rules._PATTERN_SECONDS", 0.05)
    judge = Judge(FilterRules(pattern=r"^(a|aa)+$"))
    with pytest.raises(RowError, match=r"takes more than 0\.05 s") as raised:
        judge.judge("a" * 60 + "!", "", None)
    assert raised.value.kind is FailureKind.INVALID_ROW
    assert judge.judge("aaa", "", None).broken == ()


def test_all_rules_are_told_in_their_order() -> None:
    rules = FilterRules(
        licenses=("cc0",), min_words=5, pattern="x", min_width=10, max_aspect_ratio=1.0
    )
    found = Judge(rules).judge("a", "", (5, 6)).broken
    assert found == rules.asked == tuple(rule for rule in Rule if rule in found)
    assert len(found) == 5
    assert rules.settings() == {
        "licenses": ("cc0",),
        "min_words": 5,
        "pattern": "x",
        "min_width": 10,
        "max_aspect_ratio": 1.0,
    }
