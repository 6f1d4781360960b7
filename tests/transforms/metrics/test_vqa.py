"""Accuracy of answers against the published rules, worded plainly in tests/oracles."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.vqa import accuracy
from transforms.metrics import vqa
from transforms.metrics.answers import ANSWER_METRICS, score_answers
from transforms.metrics.metric import values_of
from transforms.metrics.sums import Sums
from transforms.metrics.vqa import exact_match, normalize_answer, vqa_accuracy

PIECES = st.sampled_from(
    [
        *(
            "yes",
            "no",
            "Two",
            "ten",
            "none",
            "a",
            "The",
            "an",
            "dont",
            "cant",
            "couldn'tve",
            "twas",
        ),
        *("somebody'd", "yall'll", "1,000", "3.5", ".", "...", ",", "'", "/", "?", "(", ")", "é"),
        *(
            "!",
            "{",
            "}",
            ":",
            "10:30",
            "t-shirt",
            "犬",
            "\n",
            "\t",
            "-",
            "_",
            "2",
            "it's",
            "U.S.",
            "😀",
            ";",
            "@",
            "\\",
            '"',
        ),
    ]
)
ANSWERS = st.lists(st.tuples(PIECES, st.sampled_from(["", " "])), max_size=4).map(
    lambda pieces: "".join(piece + blank for piece, blank in pieces)
)


@settings(deadline=None, max_examples=400)
@given(ANSWERS, st.lists(ANSWERS, min_size=2, max_size=12), st.lists(st.integers(0, 11)))
def test_accuracy_is_that_of_the_rules(
    answer: str, given: Sequence[str], repeats: list[int]
) -> None:
    several = [*given, *(given[place % len(given)] for place in repeats)]
    for one in (answer, several[0]):
        assert vqa_accuracy(one, several) == pytest.approx(accuracy(one, several), abs=1e-9)
        # Agreement, which random texts hardly ever reach.
        agreed = [normalize_answer(one)] * 4 + several
        assert vqa_accuracy(one, agreed) == pytest.approx(accuracy(one, agreed), abs=1e-9)


def test_known_cases() -> None:
    assert vqa_accuracy("yes", ["yes"] * 10) == 1
    assert vqa_accuracy("yes", ["yes"] * 2 + ["no"] * 8) == pytest.approx(0.6)
    assert vqa_accuracy("yes", ["yes"] + ["no"] * 9) == pytest.approx(0.3)
    assert vqa_accuracy("Two.", ["2"] * 10) == 1
    # What people wrote is compared as it is where they agree.
    assert vqa_accuracy("2", ["two"] * 10) == 0
    assert vqa_accuracy("." * 40, ["........"] + ["no"] * 9) == pytest.approx(0)
    assert exact_match("The cat.", ["a cat"]) == 1
    # Apostrophes and colons stay, a hyphen parts two words.
    for one, same in (
        ("men's", "men's"),
        ("10:30", "10:30"),
        ("t-shirt", "t shirt"),
        ("yes!", "yes"),
        ("dont know", "don't know"),
    ):
        assert vqa_accuracy(one, [same] * 10) == 1
    assert exact_match("", ["cat"]) == 0


def test_the_table_of_contractions_is_the_published_one() -> None:
    table = json.dumps(sorted(vqa._BY_BARE_WORD.items())).encode()
    # Of the published table, without the two entries that change nothing.
    assert hashlib.sha256(table).hexdigest() == (
        "ab882eb73e1449a3ce01b4c5a72c2e3cf05f573e40bde5d96cc8b8bfda8629bb"
    )


def test_metrics_of_answers() -> None:
    answers = ["yes", "Unanswerable", "unanswerable", "blue", "red"]
    given = [["yes"] * 10, ["unanswerable"] * 6 + ["cat"] * 4, ["dog"] * 10]
    given += [["unanswerable"] * 5 + ["blue"] * 5, ["red"]]
    scores, statistics = score_answers(answers, given)
    np.testing.assert_allclose(scores[:, 0], [1, 1, 0, 1, np.nan])
    sums = Sums.of(statistics, np.arange(5, dtype=np.uint64))
    values = {value.metric: value for value in values_of(ANSWER_METRICS, sums)}
    assert values["vqa_accuracy"].value == pytest.approx(3 / 4)
    assert values["vqa_accuracy"].count == 4
    assert values["exact_match"].value == pytest.approx(4 / 5)
    assert values["unanswerable_precision"].value == pytest.approx(1 / 2)
    assert values["unanswerable_recall"].value == pytest.approx(1)
    assert values["unanswerable_f1"].value == pytest.approx(2 / 3)
    # Where no question is unanswerable, there is no such value.
    sums = Sums.of(score_answers(["a b"], [["a b"]])[1], np.arange(1, dtype=np.uint64))
    assert {value.metric for value in values_of(ANSWER_METRICS, sums)} == {"exact_match"}
