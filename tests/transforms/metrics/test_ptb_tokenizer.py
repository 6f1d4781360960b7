"""The tokenizer against the one in Java, on captions, oddities, all scripts and noise."""

import random
from pathlib import Path

import pytest

from tests.oracles.ptb_tokenizer import JAVA, java_tokens
from transforms.metrics.ptb_tokenizer import tokenize

ODDITIES = Path(__file__).with_name("odd_texts.txt").read_text(encoding="utf-8").splitlines()
CHUNKS = [chunk for line in ODDITIES for chunk in line.split(" ") if chunk.strip()]

needs_java = pytest.mark.skipif(JAVA is None, reason="the original runs in Java")


@needs_java
def test_it_splits_as_the_original_does(tmp_path: Path) -> None:
    draw = random.Random(8)
    exact = [*ODDITIES, *CHUNKS, "", " ", "  a  b "]
    # Captions: oddities among plain words.
    plain = ["A", "man", "is", "riding", "the", "two", "horses", "near", "his", "house", "of", "it"]
    for _ in range(1500):
        words = draw.choices(plain, k=draw.randrange(3, 9))
        words[draw.randrange(len(words))] = draw.choice(CHUNKS)
        exact.append(" ".join(words) + draw.choice([".", ".", "", "!", " ."]))
    # Every so many characters that are not beyond what the original knows, inside a word.
    codes = [code for code in range(33, 0xD800, 11) if code not in {0x85, 0x2028, 0x2029}]
    exact += [f"q{chr(code)}z {chr(code)}" for code in codes]
    found = java_tokens(exact, tmp_path)
    wrong = [
        (text, tokenize(text), tokens)
        for text, tokens in zip(exact, found, strict=True)
        if tokenize(text) != tokens
    ]
    assert not wrong


@needs_java
def test_it_hardly_ever_splits_noise_otherwise(tmp_path: Path) -> None:
    draw = random.Random(9)
    signs = "abcdABnostN019 ''..,,--:;!?()\"/&$%#@*_+=`’ "
    noise = ["".join(draw.choices(signs, k=draw.randrange(1, 9))) for _ in range(4000)]
    noise += ["".join(draw.choices(CHUNKS, k=2)) for _ in range(2000)]
    found = java_tokens(noise, tmp_path)
    wrong = [text for text, tokens in zip(noise, found, strict=True) if tokenize(text) != tokens]
    assert len(wrong) <= 0.005 * len(noise), wrong


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ('A man, holding a "red" umbrella; isn\'t it?', "a man holding a red umbrella is n't it"),
        ("It (the dog) can't run.", "it -lrb- the dog -rrb- ca n't run"),
        ("the dog's\nball\u2028is\tred\r", "the dog 's ball is red"),
        ("He cannot stop at 5 p.m.", "he can not stop at 5 p.m."),
        ("😀 犬が走る 🐕 собака", "犬が走る собака"),
        ("", ""),
        ("...", ""),
        ("a\ud800b", "a b"),
    ],
)
def test_what_comes_out(text: str, tokens: str) -> None:
    assert tokenize(text) == tokens


def test_a_long_text_without_blanks_does_not_take_long() -> None:
    for part in ("a.", "a-", "1,", "a@", "a'", "<a ", "(1", "&", "x.com/"):
        assert tokenize(part * 1000)


@pytest.mark.parametrize(
    ("part", "tokens"), [("&", "& "), ("%", "% "), ("😀", ""), ("a.1.", "a. 1 ")]
)
def test_long_texts_are_done(part: str, tokens: str) -> None:
    """If time grew with the square of their length, each would be beyond pytest's timeout."""
    count = 120_000 // len(part)
    assert tokenize(part * count) == (tokens * count).rstrip()
