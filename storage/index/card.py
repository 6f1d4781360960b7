"""What an index says of itself: how it is made and what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.index.errors import IndexDamagedError
from storage.index.settings import SearchSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCard:
    """The card of an index; see :func:`storage.index.measure.measure_card`.

    Attributes:
        kind: flat, ivf or hnsw.
        factory: FAISS's description.
        why: why it was chosen.
        bytes_per_vector: of the FAISS files, for each vector.
        stored_bytes_per_vector: of the vectors and ids beside them.
        count: vectors that can be found.
        dimension: of the vectors.
        model: what embedded them.
        revision: of the model.
        modality: what was embedded.
        settings: parameters to search with.
        target: recall@10 that was to be reached.
        recall: recall@k against exact search, by k.
        queries: how many the recall is the mean of.
        milliseconds_per_query: mean, when they are searched for together.

    """

    kind: str
    factory: str
    why: str
    bytes_per_vector: float
    stored_bytes_per_vector: float
    count: int
    dimension: int
    model: str
    revision: str
    modality: str
    settings: SearchSettings
    target: float
    recall: Mapping[int, float]
    queries: int
    milliseconds_per_query: float


def card_from_json(fields: Mapping[str, Any]) -> IndexCard:
    """Read a card from the JSON of its fields (``dataclasses.asdict`` gives them).

    Raises:
        IndexDamagedError: they are not those of a card.

    """
    try:
        recall = {int(k): value for k, value in fields["recall"].items()}
        settings = SearchSettings(**fields["settings"])
        return IndexCard(**{**fields, "recall": recall, "settings": settings})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise IndexDamagedError("The index's card lacks a field, or has one too many.") from error
