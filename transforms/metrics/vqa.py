"""Accuracy of answers by the rules of the VQA benchmark (Antol et al. 2015, Goyal et al. 2017).

As its published evaluation (github.com/GT-Vision-Lab/VQA at c4e6a0e) does it, oddities included:
the answer is always normalised, what people answered only where they differ and only its
punctuation. Earlier revisions of that program take other signs out, apostrophes among them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_NUMBERS: Mapping[str, str] = {
    "none": "0",
    **{
        word: str(number)
        for number, word in enumerate(
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
        )
    },
}
_ARTICLES = frozenset(("a", "an", "the"))
_PUNCTUATION = tuple(';/[]"{}()=+\\_-><@`,?!')
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_PERIODS_AT_MOST = 32

# Words whose apostrophe may be missing in an answer, one of several.
_CONTRACTIONS = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't
haven't he'd he'd've he's how'd how'll how's I'd've I'm I've isn't it'd it'd've it'll ma'am
mightn't mightn't've might've mustn't must've needn't not've o'clock 'ow's'at oughtn't shan't
she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd
someone'd've someone'll someone's something'd something'd've something'll that's there'd
there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've
weren't what'll what're what's what've when's where'd where's where've who'd who'd've who'll who's
who've why'll why're why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd
you'd've you'll you're you've
"""


def _without_apostrophes() -> dict[str, str]:
    """The contractions by what answers may have instead: an apostrophe is missing, one of two."""
    table = {}
    for word in _CONTRACTIONS.split():
        places = [place for place, sign in enumerate(word) if sign == "'"]
        for place in places:
            table[word[:place] + word[place + 1 :]] = word
    return table


# The last as it stands in the published table.
_BY_BARE_WORD = {**_without_apostrophes(), "somebody'd": "somebodyd"}


def strip_punctuation(text: str) -> str:
    """Take punctuation out, or put a blank in its place where it parts two words.

    A sign is taken out if it stands beside a blank anywhere in the text, and all are where there
    is a comma between digits. Periods before anything but a digit go, 32 at most.
    """
    found = text
    in_number = _COMMA_IN_NUMBER.search(text) is not None
    for sign in _PUNCTUATION:
        beside_blank = f"{sign} " in text or f" {sign}" in text
        found = found.replace(sign, "" if beside_blank or in_number else " ")
    return _PERIOD.sub("", found, _PERIODS_AT_MOST)


def normalize_answer(text: str) -> str:
    """Normalise an answer: small letters, digits up to ten, no articles and no punctuation."""
    plain = strip_punctuation(text.replace("\n", " ").replace("\t", " ").strip())
    words = [_NUMBERS.get(word, word) for word in plain.lower().split()]
    return " ".join([_BY_BARE_WORD.get(word, word) for word in words if word not in _ARTICLES])


def vqa_accuracy(answer: str, given: Sequence[str]) -> float:
    """Score an answer by those that people gave.

    The mean, over leaving out each of them in turn, of a third for each of the others that is the
    same, one at most.

    Args:
        given: two answers or more; the benchmark has ten.

    """
    answer = normalize_answer(answer)
    compared = [strip_punctuation(one) for one in given] if len(set(given)) > 1 else list(given)
    same = compared.count(answer)
    others = len(compared) - same
    return (same * min(1.0, (same - 1) / 3) + others * min(1.0, same / 3)) / len(compared)


def exact_match(answer: str, given: Iterable[str]) -> float:
    """1 if an answer is one of those that count as right, all of them normalised, else 0."""
    return float(normalize_answer(answer) in set(map(normalize_answer, given)))


UNANSWERABLE = "unanswerable"


def is_unanswerable(given: Sequence[str]) -> bool:
    """Whether more than half of the people found a question unanswerable, as VizWiz has it."""
    counts = Counter(normalize_answer(one) for one in given)
    return counts[UNANSWERABLE] * 2 > len(given)


def says_unanswerable(answer: str) -> bool:
    """Whether an answer is that there is none."""
    return normalize_answer(answer) == UNANSWERABLE
