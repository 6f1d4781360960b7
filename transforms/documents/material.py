"""What documents are written of."""

import itertools
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from schemas.asset import Asset
from transforms.documents.segment import Segment, token_count
from transforms.documents.template import Field, Layout
from transforms.documents.values import RowValues, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """A row of a catalog that a document is to be made of.

    Attributes:
        seed: what is drawn for the document follows from it.

    """

    asset: Asset
    seed: int


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """A document of which the layout is drawn.

    Attributes:
        random: what else is drawn comes from it.
        layout_number: counted from 0.
        texts: what the layout's columns say.
        wanted: the layout's pictures by their field: set of codes, and asset id.
        query_id: the asset whose neighbours are retrieved.
        count: retrieved documents at most.

    """

    row: DocumentRow
    random: Random
    layout: Layout
    layout_number: int
    values: RowValues
    texts: dict[str, Value]
    wanted: dict[str, tuple[str, str]]
    query_id: str
    count: int

    @property
    def has_boxes(self) -> bool:
        """Whether places in the pictures are told."""
        return any(isinstance(item, Field) and item.boxes for item in self.layout.items)


@dataclass(slots=True, kw_only=True, eq=False)
class Written:
    """A document.

    Attributes:
        segments: they cover it.
        retrieved_ids: of the documents before the main one, in their order.
        choices: what was drawn.
        tokenizer_hash: of what made the pictures' codes.

    """

    task: str
    template: str
    segments: list[Segment]
    retrieved_ids: tuple[str, ...]
    choices: dict[str, object]
    tokenizer_hash: str
    sequence: str = ""
    sequence_start: int = 0

    @property
    def length(self) -> int:
        """How many tokens it has."""
        return token_count(self.segments)

    @property
    def beginning(self) -> int:
        """Tokens up to the end of the whole picture that it begins with; 0 if it does not."""
        count = 0
        for segment, following in itertools.pairwise(self.segments):
            count += len(segment.tokens)
            if segment.kind == "image" and following.kind == "mark":
                return count + len(following.tokens)
            if segment.kind != "mark":
                return 0
        return 0

    @property
    def token_ids(self) -> NDArray[np.int32]:
        """All tokens, int32."""
        return np.concatenate([segment.tokens for segment in self.segments])

    @property
    def loss_weights(self) -> NDArray[np.float32]:
        """Weight of each token as a target, float32."""
        weights = np.array([segment.weight for segment in self.segments], np.float32)
        counts = [len(segment.tokens) for segment in self.segments]
        return np.repeat(weights, counts)
