"""What a filter says of one row of a catalog: kept or left out, and by which rules."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated


class Rule(StrEnum):
    """A rule of a filter, named as its option. The vocabulary is closed."""

    LICENSES = "licenses"
    MIN_WORDS = "min_words"
    MAX_WORDS = "max_words"
    MIN_CHARACTERS = "min_characters"
    MAX_CHARACTERS = "max_characters"
    REQUIRED_WORDS = "required_words"
    BLOCKED_WORDS = "blocked_words"
    PATTERN = "pattern"
    MAX_NON_LETTERS = "max_non_letters"
    MAX_REPEATED_WORDS = "max_repeated_words"
    MIN_WIDTH = "min_width"
    MIN_HEIGHT = "min_height"
    MIN_PIXELS = "min_pixels"
    MAX_ASPECT_RATIO = "max_aspect_ratio"
    MIN_CLIP_SCORE = "min_clip_score"


PICTURE_RULES = (Rule.MIN_WIDTH, Rule.MIN_HEIGHT, Rule.MIN_PIXELS, Rule.MAX_ASPECT_RATIO)
"""The rules about a picture's size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One row of a catalog, judged."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset in the catalog"]
    kept: Annotated[bool, "whether the row broke no rule"]
    reasons: Annotated[tuple[str, ...], "the rules that it broke, in the order of the vocabulary"]
    not_judged: Annotated[tuple[str, ...], "rules not evaluated, for a cheaper one was broken"]
    words: Annotated[int, "words of the text, which are what blanks part"]
    characters: Annotated[int, "characters of the text, without blanks around it"]
    width: Annotated[int | None, "width of the picture in pixels, upright; null if none was read"]
    height: Annotated[int | None, "height of the picture in pixels, upright; null if none was read"]
    clip_score: Annotated[float | None, "cosine of picture and text; null if not computed"]
    text_cut: Annotated[bool, "whether the text was longer than the model reads"]
    uri: Annotated[str, "where the picture is, resolved against the catalog"]
    text: Annotated[str, "the text the catalog holds for the asset"]
    license: Annotated[str, "licence of the asset, as the catalog has it"]
    source: Annotated[str, "source of the asset, as the catalog has it"]
    sha256: Annotated[str, "digest of the picture's encoded bytes; empty if none was read"]
    rules: Annotated[str, "digest of all rules, 32 hexadecimal digits"]
    model: Annotated[str, "the dual encoder's folder name or hub id; empty without"]
    revision: Annotated[str, "revision of the dual encoder that was loaded; empty without"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]
