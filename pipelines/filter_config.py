"""The configuration of a filter. No Beam, no torch here.

Each field is a flag of the command line and a name in a configuration file; the texts below the
fields are their help.
"""

from dataclasses import dataclass
from typing import Annotated

import regex
from cyclopts import Group, Parameter

from pipelines.catalog_config import MODEL, CatalogConfig, check
from schemas.errors import UsageError

_LICENSES = Parameter(group=Group("Licences", sort_key=1))
_TEXT = Parameter(group=Group("Texts", sort_key=1))
_SIZE = Parameter(group=Group("Pictures' sizes", sort_key=1))
_SCORE = Parameter(group=Group("How near text and picture are", sort_key=1))


@dataclass(frozen=True, kw_only=True)
class FilterConfig(CatalogConfig):
    """By which rules a catalog is filtered."""

    model: Annotated[str, MODEL] = "calumma-clip"
    """Dual encoder of --min-clip-score: calumma-clip (inside the package), folder or hub id."""
    license: Annotated[tuple[str, ...], _LICENSES] = ()
    """Allow this licence; may be given several times."""
    licenses: Annotated[str | None, _LICENSES] = None
    """File of the licences to allow, one a line."""
    min_words: Annotated[int | None, _TEXT] = None
    """Words of a text at least; words are what blanks part."""
    max_words: Annotated[int | None, _TEXT] = None
    """Words of a text at most."""
    min_characters: Annotated[int | None, _TEXT] = None
    """Characters of a text at least, without blanks around it."""
    max_characters: Annotated[int | None, _TEXT] = None
    """Characters of a text at most."""
    required_words: Annotated[str | None, _TEXT] = None
    """File of words and phrases, one a line: a text must hold one of them."""
    blocked_words: Annotated[str | None, _TEXT] = None
    """File of words and phrases, one a line: a text may hold none of them."""
    pattern: Annotated[str | None, _TEXT] = None
    """Regular expression that must be found in a text."""
    max_non_letters: Annotated[float | None, _TEXT] = None
    """Share of a text's characters, without blanks, that may be no letters: 0 to 1."""
    max_repeated_words: Annotated[float | None, _TEXT] = None
    """Share of a text's words that may have been there before: 0 to 1."""
    min_width: Annotated[int | None, _SIZE] = None
    """Width of a picture at least, in pixels."""
    min_height: Annotated[int | None, _SIZE] = None
    """Height of a picture at least, in pixels."""
    min_pixels: Annotated[int | None, _SIZE] = None
    """Width times height of a picture at least."""
    max_aspect_ratio: Annotated[float | None, _SIZE] = None
    """Longer side of a picture by its shorter one, at most."""
    min_clip_score: Annotated[float | None, _SCORE] = None
    """Cosine of a picture's vector and its text's at least, of a dual encoder: -1 to 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("words", "characters"):
            check(self, f"min_{name}", at_least=1)
            check(self, f"max_{name}", at_least=0)
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if low is not None and high is not None and low > high:
                raise UsageError(
                    f"No text has at least {low} and at most {high} {name}: --min-{name} must not "
                    f"be more than --max-{name}."
                )
        check(self, "max_non_letters", at_least=0, at_most=1)
        check(self, "max_repeated_words", at_least=0, at_most=1)
        for name in ("min_width", "min_height", "min_pixels", "max_aspect_ratio"):
            check(self, name, at_least=1)
        check(self, "min_clip_score", at_least=-1, at_most=1)
        if not all(name.strip() for name in self.license):
            raise UsageError("A licence is empty: --license needs a name.")
        if self.pattern is not None:
            _check_pattern(self.pattern)

    @property
    def looks_at_pictures(self) -> bool:
        """Whether a rule is about pictures; else none is fetched."""
        sizes = (self.min_width, self.min_height, self.min_pixels, self.max_aspect_ratio)
        return any(rule is not None for rule in (*sizes, self.min_clip_score))


def _check_pattern(pattern: str) -> None:
    try:
        regex.compile(pattern)
    except regex.error as error:
        raise UsageError(f"--pattern is no regular expression: {error}, in {pattern!r}.") from None
