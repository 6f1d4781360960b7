"""Whether an answer is one of those that count as right."""

import functools
import unicodedata
from collections.abc import Iterable

_QUOTES = "\"'`“”‘’„«»"


def is_right(text: str, answers: Iterable[str]) -> bool:
    """Tell whether a text equals an expected answer.

    Compared without regard to case, Unicode compatibility forms (NFKC), repeated spaces, and
    quotes around the text and punctuation at its end: a mark for the reader's eye, not a
    benchmark's metric.
    """
    return _plain(text) in {_plain(answer) for answer in answers}


@functools.lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    # Signs that may be the answer itself ("-5", ".5", "?") stay.
    return folded.lstrip(_QUOTES).rstrip(f"{_QUOTES}.,;:!? ") or folded
