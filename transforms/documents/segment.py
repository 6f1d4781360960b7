"""A run of a document's tokens that come from one place, while the document is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]

Kind = Literal["text", "image", "mark", "sentinel"]
"""See :class:`schemas.document.DocumentSegment`."""


@dataclass(slots=True, kw_only=True, eq=False)
class Segment:
    """See :class:`schemas.document.DocumentSegment` for what is not said here.

    Attributes:
        tokens: int32 array.
        weight: of each of its tokens in the loss.
        cuts: where in ``whole`` each token's characters begin, and where those of the last end;
            empty where there is no text.
        whole: the text that the tokens are of, with others.

    """

    kind: Kind
    tokens: Tokens
    weight: float = 1.0
    asset_id: str = ""
    license: str = ""
    source: str = ""
    uri: str = ""
    field: str = ""
    field_start: int = 0
    retrieved: bool = False
    span: int = -1
    cuts: Sequence[int] = ()
    whole: str = ""

    @property
    def text(self) -> str:
        """The text of its tokens."""
        return self.whole[self.cuts[0] : self.cuts[-1]] if self.cuts else self.whole

    def part(self, start: int, stop: int, span: int = -1) -> "Segment":
        """Some of the tokens.

        Args:
            span: number of the span that they are; -1 for none.

        """
        return Segment(
            kind=self.kind,
            tokens=self.tokens[start:stop],
            weight=self.weight,
            asset_id=self.asset_id,
            license=self.license,
            source=self.source,
            uri=self.uri,
            field=self.field,
            field_start=self.field_start + start,
            retrieved=self.retrieved,
            span=span,
            cuts=self.cuts[start : stop + 1],
            whole=self.whole,
        )


def token_count(segments: Sequence[Segment]) -> int:
    """How many tokens segments have together."""
    return sum(len(segment.tokens) for segment in segments)
