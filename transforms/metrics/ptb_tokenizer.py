"""The Penn Treebank tokenizer as COCO's caption metrics use it, without Java.

pycocoevalcap runs version 3.4.1 of the Stanford tokenizer and takes marks away from what comes out.
At each place the rule that reads furthest wins, with what must follow it counted, and of several
the first.
"""

import functools
from collections.abc import Iterable, Iterator

import regex

from transforms.metrics.ptb_characters import LETTERS, character_class
from transforms.metrics.ptb_rules import BEFORE_NUMBERS, RULES, Rule

_QUOTES = ("''", "'", "``", "`")
_BRACKETS = ("-LRB-", "-RRB-", "-LCB-", "-RCB-")
MARKS = frozenset((*_QUOTES, *_BRACKETS, *".?!,:;-", "--", "..."))
"""Tokens that are taken away. As in pycocoevalcap brackets are not among them, for they arrive here
in small letters."""

_Barren = dict[Rule, range]
"""Of rules that read far the places of a line at which they are known not to match."""


@functools.cache
def _rules_from(first: str) -> tuple[Rule, ...]:
    """The rules that can match where a character begins."""
    return tuple(rule for rule in RULES if rule.pattern.match(first, partial=True) is not None)


def _alone(chunk: str) -> Iterator[str]:
    """The tokens of a line that holds no blank."""
    place = 0
    barren: _Barren = {}
    while place < len(chunk) - len(_AFTER):
        token, place = _next(chunk, place, barren)
        yield token


class _Chunks(dict[str, tuple[str, ...] | None]):
    """The tokens of what stands between blanks, if nothing around it makes a difference."""

    def __missing__(self, chunk: str) -> tuple[str, ...] | None:
        if len(self) >= _REMEMBERED:
            self.clear()
        tokens = None
        if not chunk or (_PLAIN.fullmatch(chunk) and not BEFORE_NUMBERS.fullmatch(chunk)):
            tokens = tuple(_join(_alone(chunk + _AFTER)).split())
        self[chunk] = tokens
        return tokens


_LETTER = f"[{character_class(LETTERS)}]"
_PLAIN = regex.compile(
    rf"(?:[A-Za-z]+-)*(?:[A-Za-z]+(?:'s)?[,;:!?]?|[A-Za-z]{{2,}}\.)|{_LETTER}(?:{_LETTER}|[0-9])*"
)
_REMEMBERED = 1 << 18
_CHUNKS = _Chunks()
_LINE_ENDS = regex.compile(r"[\r\n\u000b\u000c\u0085\u2028\u2029]")
# What follows a text begins a sentence.
_AFTER = "\nA\n"


def tokenize(text: str) -> str:
    """Split a text into tokens.

    Args:
        text: of one caption. Ends of lines in it are blanks.

    Returns:
        The tokens in small letters, without :data:`MARKS`, parted by blanks.

    """
    tokens: list[str] = []
    for chunk in text.split(" "):
        known = _CHUNKS[chunk]
        if known is None:
            return _join(_tokens(_LINE_ENDS.sub(" ", text) + _AFTER))
        tokens += known
    return " ".join(tokens)


def _tokens(line: str) -> Iterator[str]:
    """The tokens of a line, without those of what follows it."""
    place, end = 0, len(line) - len(_AFTER)
    barren: _Barren = {}
    while place < end:
        if place == 0 or line[place - 1] == " ":
            blank = line.find(" ", place)
            blank = end if blank < 0 else blank
            if (known := _CHUNKS[line[place:blank]]) is not None:
                yield from known
                place = blank + 1
                continue
        token, place = _next(line, place, barren)
        yield token


def _join(tokens: Iterable[str]) -> str:
    """Put tokens in small letters, without marks; a few hold blanks that part them."""
    parts = " ".join(token for token in tokens if token).lower().split(" ")
    return " ".join([part for part in parts if part not in MARKS])


def _next(line: str, place: int, barren: _Barren) -> tuple[str, int]:
    """The token at a place, which may be none, and where the next one begins.

    Args:
        barren: what is known of the line, to which is added. So the time that a line takes is in
            proportion to its length, whatever it is made of.

    """
    longest = 0
    best: tuple[str, int] = ("", place + 1)
    for rule in _rules_from(line[place]):
        if place in barren.get(rule, ()):
            continue
        found = rule.pattern.match(line, place)
        if rule.reach is not None and (read := rule.reach.match(line, place)) is not None:
            barren[rule] = range(place if found is None else found.end(), read.end())
        if found is not None and found.end() > longest:
            longest = found.end()
            best = rule.action(found[1]), found.end(1)
    return best
