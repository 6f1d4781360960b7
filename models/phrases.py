"""Lists of words and phrases, and which of them a text holds."""

import re
import unicodedata
from collections.abc import Iterable

from schemas.errors import UsageError


class Phrases:
    """Finds words and phrases in texts.

    Whole words are compared, whatever their case and the way their letters are encoded: ``Ass``
    is no part of ``assign``.

    Args:
        entries: from :func:`read_phrases`.

    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._phrases = frozenset(entries)
        self._lengths = sorted({phrase.count(" ") + 1 for phrase in self._phrases})

    def first_in(self, text: str) -> str | None:
        """The first entry that a text holds, shorter ones before longer ones; None for none."""
        words = _words(text)
        for length in self._lengths:
            for start in range(len(words) - length + 1):
                phrase = " ".join(words[start : start + length])
                if phrase in self._phrases:
                    return phrase
        return None


def read_phrases(text: str, named: str) -> tuple[str, ...]:
    """Read a list: a word or phrase a line; empty lines and those that begin with # are left out.

    Args:
        named: what the list is called in messages.

    Returns:
        Each entry once, as texts are compared with it, in alphabetical order.

    Raises:
        UsageError: a line holds no letter or digit, so that no text could hold it.

    """
    entries = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = _words(line)
        if not words:
            raise UsageError(f"Line {number} of the {named} holds no word: {line.strip()!r}.")
        entries.add(" ".join(words))
    return tuple(sorted(entries))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())
