"""VQA's accuracy as its published evaluation words it, step by step, for one question."""

import re
from collections.abc import Sequence

PUNCTUATION = [*';/[]"{}()=+\\_-><@`,?!']
NUMBERS = {
    "none": "0",
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
}
CONTRACTIONS = {
    "dont": "don't",
    "isnt": "isn't",
    "cant": "can't",
    "whats": "what's",
    "couldnt've": "couldn't've",
    "couldn'tve": "couldn't've",
    "oclock": "o'clock",
    "somebody'd": "somebodyd",
    "yall'll": "y'all'll",
    "twas": "'twas",
}
"""Some of the table: words of tests are of it or of none."""


def accuracy(answer: str, given: Sequence[str]) -> float:
    """The mean over the people of how many of the others agree, a third for each, at most one."""
    answer = answer.replace("\n", " ").replace("\t", " ").strip()
    answer = _digits_and_articles(_punctuation(answer))
    people = list(given)
    if len(set(people)) > 1:
        people = [_punctuation(one) for one in people]
    scores = []
    for left_out in range(len(people)):
        others = [one for person, one in enumerate(people) if person != left_out]
        matching = [one for one in others if one == answer]
        scores.append(min(1, len(matching) / 3))
    return sum(scores) / len(scores)


def _punctuation(text: str) -> str:
    result = text
    for sign in PUNCTUATION:
        if sign + " " in text or " " + sign in text or re.search(r"(\d)(\,)(\d)", text):
            result = result.replace(sign, "")
        else:
            result = result.replace(sign, " ")
    # The flag was given where a count belongs, and its number is 32.
    return re.sub(r"(?!<=\d)(\.)(?!\d)", "", result, count=int(re.UNICODE))


def _digits_and_articles(text: str) -> str:
    words = []
    for word in text.lower().split():
        number = NUMBERS.get(word, word)
        if number not in {"a", "an", "the"}:
            words.append(CONTRACTIONS.get(number, number))
    return " ".join(words)
