"""What a filter says of a row."""

from dataclasses import dataclass

from schemas.verdict import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """A row, judged.

    Attributes:
        broken: the rules that it broke, in the order of the vocabulary.
        not_judged: rules that were not evaluated, for a cheaper one was broken.
        words: of the text; ``characters``: of it, without blanks around it.
        clip_score: cosine of the vectors of picture and text; None if not computed.
        text_cut: whether the text was longer than the model reads.

    """

    broken: tuple[Rule, ...]
    words: int
    characters: int
    not_judged: tuple[Rule, ...] = ()
    clip_score: float | None = None
    text_cut: bool = False
