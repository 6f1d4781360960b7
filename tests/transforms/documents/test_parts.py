"""Which token is of which piece of a text."""

import numpy as np
import pytest

from models.document_vocabulary import EncodedText
from transforms.documents.parts import Run
from transforms.documents.segment import Segment


def run_of(*pieces: str) -> Run:
    return Run(
        pieces=[
            Segment(kind="text", tokens=np.empty(0, np.int32), whole=text, field=str(number))
            for number, text in enumerate(pieces)
        ]
    )


def encoded(*offsets: tuple[int, int]) -> EncodedText:
    return EncodedText(
        tokens=np.arange(len(offsets), dtype=np.int32),
        starts=tuple(start for start, _ in offsets),
        ends=tuple(end for _, end in offsets),
    )


def told(run: Run, text: EncodedText) -> list[tuple[str, list[int], str]]:
    return [(one.field, one.tokens.tolist(), one.text) for one in run.tokenized(text)]


def test_words_go_to_their_pieces() -> None:
    run = run_of("Question: ", "why?", " Answer: ", "so")
    # Offsets with the blank before a word, as byte-level vocabularies have them.
    text = encoded((0, 9), (9, 13), (13, 14), (14, 21), (21, 22), (22, 25))
    assert told(run, text) == [
        ("0", [0], "Question:"),
        ("1", [1, 2], " why?"),
        ("2", [3, 4], " Answer:"),
        ("3", [5], " so"),
    ]


def test_a_token_over_an_edge_is_of_the_piece_that_it_ends_in() -> None:
    run = run_of("ab", "cd")
    assert told(run, encoded((0, 1), (1, 3), (3, 4))) == [("0", [0], "a"), ("1", [1, 2], "bcd")]
    # A piece that is within another one's token has none.
    assert told(run_of("a", "b", "c"), encoded((0, 3))) == [("2", [0], "abc")]


def test_several_tokens_of_one_character_stay_together() -> None:
    run = run_of("é", "x")
    assert told(run, encoded((0, 1), (0, 1), (1, 2))) == [("0", [0, 1], "é"), ("1", [2], "x")]


@pytest.mark.parametrize("pieces", [("",), ("", "")])
def test_no_text_has_no_tokens(pieces: tuple[str, ...]) -> None:
    assert told(run_of(*pieces), encoded()) == []
