"""The rules of a filter, and which of them a row breaks."""

from collections.abc import Iterator
from dataclasses import dataclass

import regex

from models.phrases import Phrases
from schemas.asset import normal_license
from schemas.errors import RowError
from schemas.failure import FailureKind
from schemas.verdict import PICTURE_RULES, Rule

# A text may be made so that a careless expression takes years on it.
_PATTERN_SECONDS = 1.0
_NO_LETTER = regex.compile(r"[^\p{L}\p{M}\s]")
_BLANK = regex.compile(r"\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRules:
    """What is asked of each row; None, or no entries, where nothing is.

    Attributes:
        licenses: those that are allowed, as :func:`normal_license` gives them.
        required_words: of which a text must hold one; ``blocked_words``: of which it may hold
            none. Both are from :func:`models.phrases.read_phrases`.
        pattern: a regular expression that must be found in the text.
        max_non_letters: share of the characters that are no letters, blanks not counted, 0 to 1.
        max_repeated_words: share of the words that were there before, 0 to 1.
        max_aspect_ratio: of the longer side to the shorter one, 1 or more.
        min_clip_score: cosine of the vectors of picture and text, -1 to 1.

    """

    licenses: tuple[str, ...] = ()
    min_words: int | None = None
    max_words: int | None = None
    min_characters: int | None = None
    max_characters: int | None = None
    required_words: tuple[str, ...] = ()
    blocked_words: tuple[str, ...] = ()
    pattern: str | None = None
    max_non_letters: float | None = None
    max_repeated_words: float | None = None
    min_width: int | None = None
    min_height: int | None = None
    min_pixels: int | None = None
    max_aspect_ratio: float | None = None
    min_clip_score: float | None = None

    @property
    def asked(self) -> tuple[Rule, ...]:
        """The rules that say something, in the order of the vocabulary."""
        return tuple(rule for rule in Rule if getattr(self, rule.value) not in {None, ()})

    @property
    def of_texts(self) -> bool:
        """Whether texts are looked at."""
        return any(rule not in {Rule.LICENSES, *PICTURE_RULES} for rule in self.asked)

    def settings(self) -> dict[str, object]:
        """The rules that say something, by name: all that a verdict depends on beside its row."""
        return {rule.value: getattr(self, rule.value) for rule in self.asked}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the rules that cost little say of a row.

    Attributes:
        broken: in the order of the vocabulary.
        words: of the text; ``characters``: of it, without blanks around it.

    """

    broken: tuple[Rule, ...]
    words: int
    characters: int


class Judge:
    """Judges rows by all rules but the CLIP score, each row alone."""

    def __init__(self, rules: FilterRules) -> None:
        self._rules = rules
        self._licenses = frozenset(rules.licenses)
        self._required = Phrases(rules.required_words) if rules.required_words else None
        self._blocked = Phrases(rules.blocked_words) if rules.blocked_words else None
        self._pattern = None if rules.pattern is None else regex.compile(rules.pattern)

    def judge(self, text: str, license_name: str, size: tuple[int, int] | None) -> Judged:
        """Find all the rules that a row breaks.

        Args:
            text: empty for a row without text: it has no words, and holds none.
            license_name: as the catalog has it; a row without one breaks the rule about licences.
            size: width and height of the picture in pixels; of a row without a picture all rules
                about pictures are broken.

        Raises:
            RowError: the pattern takes too long on the text.

        """
        text = text.strip()
        words = text.split()
        broken = {*self._of_text(text, words), *self._of_size(size)}
        if self._licenses and normal_license(license_name) not in self._licenses:
            broken.add(Rule.LICENSES)
        return Judged(
            broken=tuple(rule for rule in Rule if rule in broken) if broken else (),
            words=len(words),
            characters=len(text),
        )

    def _of_text(self, text: str, words: list[str]) -> Iterator[Rule]:
        rules = self._rules
        if rules.min_words is not None and len(words) < rules.min_words:
            yield Rule.MIN_WORDS
        if rules.max_words is not None and len(words) > rules.max_words:
            yield Rule.MAX_WORDS
        if rules.min_characters is not None and len(text) < rules.min_characters:
            yield Rule.MIN_CHARACTERS
        if rules.max_characters is not None and len(text) > rules.max_characters:
            yield Rule.MAX_CHARACTERS
        if self._required is not None and self._required.first_in(text) is None:
            yield Rule.REQUIRED_WORDS
        if self._blocked is not None and self._blocked.first_in(text) is not None:
            yield Rule.BLOCKED_WORDS
        if self._pattern is not None and not self._matches(text):
            yield Rule.PATTERN
        if rules.max_non_letters is not None and non_letters(text) > rules.max_non_letters:
            yield Rule.MAX_NON_LETTERS
        if rules.max_repeated_words is not None and repeated(words) > rules.max_repeated_words:
            yield Rule.MAX_REPEATED_WORDS

    def _of_size(self, size: tuple[int, int] | None) -> Iterator[Rule]:
        rules = self._rules
        width, height = size or (0, 0)
        if rules.min_width is not None and width < rules.min_width:
            yield Rule.MIN_WIDTH
        if rules.min_height is not None and height < rules.min_height:
            yield Rule.MIN_HEIGHT
        if rules.min_pixels is not None and width * height < rules.min_pixels:
            yield Rule.MIN_PIXELS
        if rules.max_aspect_ratio is not None and (
            size is None or max(size) > rules.max_aspect_ratio * min(size)
        ):
            yield Rule.MAX_ASPECT_RATIO

    def _matches(self, text: str) -> bool:
        assert self._pattern is not None
        try:
            return self._pattern.search(text, timeout=_PATTERN_SECONDS) is not None
        except TimeoutError:
            raise RowError(
                FailureKind.INVALID_ROW,
                f"The pattern takes more than {_PATTERN_SECONDS:g} s on the text, of {len(text)} "
                "characters. Write it without repetitions inside repetitions.",
            ) from None


def non_letters(text: str) -> float:
    """The share of a text's characters that are no letters, 0 to 1; blanks count for nothing.

    Letters are those of all scripts, with the marks that belong to them (Unicode's L and M).
    """
    characters = len(text) - len(_BLANK.findall(text))
    return len(_NO_LETTER.findall(text)) / characters if characters else 0.0


def repeated(words: list[str]) -> float:
    """The share of words that were there before, whatever their case, 0 to 1."""
    return 1 - len({word.casefold() for word in words}) / len(words) if words else 0.0
