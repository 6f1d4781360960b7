"""What can be told of one text without a model: loops, refusals, its script and language."""

from collections import Counter
from collections.abc import Sequence

import regex

_LONGEST_PERIOD = 8
_COPIES = 3
_LEAST_WORDS = 4
_HEAD = 200
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}'’]+")
# Scripts that put no blanks between words are read by character.
_CHARACTERS = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{Latin}\p{N}'’]+"
)
_UNSPACED = frozenset({"Han", "Hiragana", "Katakana", "Thai"})
_SCRIPTS = {
    name: regex.compile(rf"\p{{{name}}}")
    for name in (
        "Latin",
        "Han",
        "Cyrillic",
        "Arabic",
        "Devanagari",
        "Hangul",
        "Hiragana",
        "Katakana",
        "Greek",
        "Hebrew",
        "Thai",
    )
}
_REFUSAL = regex.compile(
    r"\bas an ai\b|\b(?:i['’]?m|i am|we are) (?:sorry|unable|not able|afraid)\b|"
    r"\bi (?:can['’]?t|cannot|can not|won['’]?t|must decline|do not feel comfortable)\b|"
    r"\bunable to (?:help|assist|describe|process|view|see|answer|comply)\b|"
    r"\b(?:cannot|can['’]?t) (?:help|assist|describe|process|view|comply)\b|"
    r"\bno (?:image|picture) (?:was|is) (?:provided|attached|visible)\b",
    regex.IGNORECASE,
)
# Short words that each language writes all the time and the others hardly ever.
_COMMON = {
    "en": "the of and is with in on to are an this that there",
    "de": "der die das und ist mit ein eine einem einen auf im von",
    "fr": "le la les un une des est avec dans et du sur aux",
    "es": "el los las una con del es en y por unos",
    "pt": "o os uma com não um do da em ao são",
    "it": "il gli una con di è nel della che su lo",
    "nl": "de het een en van met op zijn is aan",
}
_LANGUAGES: dict[str, set[str]] = {}
for _name, _listed in _COMMON.items():
    for _one in _listed.split():
        _LANGUAGES.setdefault(_one, set()).add(_name)


def words_of(text: str, script: str) -> list[str]:
    """A text's words in lower case; of a script without blanks, its characters."""
    found: list[str] = (_CHARACTERS if script in _UNSPACED else _WORD).findall(text.lower())
    return found


def has_loop(words: Sequence[str]) -> bool:
    """Whether one to eight words come three times or more in a row, four words in all at least.

    It is what a model does that has lost its way; "very, very good" is none.
    """
    for period in range(1, _LONGEST_PERIOD + 1):
        least = max((_COPIES - 1) * period, _LEAST_WORDS - period)
        if len(words) < least + period:
            break
        same = 0
        for at in range(period, len(words)):
            same = same + 1 if words[at] == words[at - period] else 0
            if same >= least:
                return True
    return False


def is_refusal(text: str) -> bool:
    """Whether a text begins as English refusals do; of other languages none is known."""
    return _REFUSAL.search(text[:_HEAD]) is not None


def script_of(text: str) -> str:
    """The script of most of a text's first letters; ``none`` without letters of a known one."""
    head = text[:_HEAD]
    if head.isascii():
        return "Latin" if any(map(str.isalpha, head)) else "none"
    counts = {name: len(letters.findall(head)) for name, letters in _SCRIPTS.items()}
    name = max(counts, key=lambda one: counts[one])
    return name if counts[name] else "none"


def language_of(words: Sequence[str]) -> str:
    """The language whose commonest words a text has most of; ``unclear`` where none leads."""
    found: Counter[str] = Counter()
    for word in words:
        found.update(_LANGUAGES.get(word, ()))
    first = found.most_common(2)
    if not first or (len(first) == 2 and first[0][1] == first[1][1]):
        return "unclear"
    return first[0][0]
