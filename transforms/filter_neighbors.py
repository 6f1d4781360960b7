"""Which of the neighbours that were found go with a document, as the CM3Leon paper picks them.

"Scaling Autoregressive Multi-Modal Models" (arXiv 2309.02591), section 2.1: neighbours are to be
relevant, to have both modalities rather than one, and to differ from the query and from each other.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.errors import UsageError

Vectors = NDArray[np.float32]
Token = TypeVar("Token")

Modality = Literal["image", "text", "both"]

Verdict = Literal["kept", "itself", "irrelevant", "like_query", "like_kept", "not_needed"]
"""What became of a candidate: why it was left out, or that enough were kept before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSettings:
    """How neighbours are picked.

    Attributes:
        k: how many are kept at most.
        min_score: candidates that score less are irrelevant; None keeps all.
        max_similarity: a candidate is left out if its similarity to the query or to one that is
            kept is above this; None keeps all. The paper has 0.9.
        prefer_both: take documents that have an image and a text before all others.
        drop_self: never keep the document that is itself the query.

    Raises:
        UsageError: ``k`` is negative.

    """

    k: int = 2
    min_score: float | None = None
    max_similarity: float | None = 0.9
    prefer_both: bool = True
    drop_self: bool = True

    def __post_init__(self) -> None:
        if self.k < 0:
            raise UsageError(f"The number of neighbours to keep must be 0 or more, not {self.k}.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """What a search found for one query, the best first.

    Attributes:
        ids: the documents'.
        scores: how near each is.
        vectors: float32 array of shape (candidates, dimension), each of length 1; of no use, and
            so of any shape, where no similarity is bounded.
        modalities: what each document has.

    """

    ids: Sequence[str]
    scores: Sequence[float]
    vectors: Vectors
    modalities: Sequence[Modality]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilteredNeighbors:
    """What became of the candidates.

    Attributes:
        kept: positions of those that are kept, in the order in which they are to be used.
        verdicts: one for each candidate.

    """

    kept: tuple[int, ...]
    verdicts: tuple[Verdict, ...]


def filter_neighbors(
    query_id: str, query: Vectors, candidates: Candidates, settings: FilterSettings
) -> FilteredNeighbors:
    """Pick the neighbours of one document.

    Args:
        query_id: the document's id.
        query: its vector: float32 array of shape (dimension,), of length 1.
        candidates: what was found.
        settings: how to pick.

    """
    verdicts: list[Verdict] = ["not_needed"] * len(candidates.ids)
    kept: list[int] = []
    most = settings.max_similarity
    like_kept = np.full(len(candidates.ids), -np.inf, np.float32)
    like_query = like_kept if most is None else candidates.vectors @ query
    for at in _walk(candidates.modalities, prefer_both=settings.prefer_both):
        if settings.drop_self and candidates.ids[at] == query_id:
            verdicts[at] = "itself"
        elif settings.min_score is not None and candidates.scores[at] < settings.min_score:
            verdicts[at] = "irrelevant"
        elif most is not None and like_query[at] > most:
            verdicts[at] = "like_query"
        elif most is not None and like_kept[at] > most:
            verdicts[at] = "like_kept"
        elif len(kept) < settings.k:
            verdicts[at] = "kept"
            kept.append(at)
            if most is not None:
                like_kept = np.maximum(like_kept, candidates.vectors @ candidates.vectors[at])
    return FilteredNeighbors(kept=tuple(kept), verdicts=tuple(verdicts))


def _walk(modalities: Sequence[Modality], *, prefer_both: bool) -> list[int]:
    """The order in which candidates are looked at: by rank, those with both modalities first."""
    ranks = range(len(modalities))
    return sorted(ranks, key=lambda at: modalities[at] != "both") if prefer_both else list(ranks)


def draw_neighbor_count(key: str) -> int:
    """Draw how many neighbours a training document gets: 0, 1 or 2, each as likely.

    Args:
        key: tells the row; the same key always draws the same.

    """
    return int(_draw(key, "neighbor count") * 3)


def drop_tokens(tokens: Sequence[Token], key: str, *, share: float = 0.2) -> list[Token]:
    """Drop a share of a query's tokens, as the paper does while training sets are built.

    How many are dropped is the share of their number, rounded up or down by chance so that it is
    right on average; which ones is drawn too. One token always stays.

    Args:
        tokens: words or token ids.
        key: tells the row; the same key and number of tokens always drop the same.
        share: between 0 and 1.

    Raises:
        UsageError: the share is not between 0 and 1.

    """
    if not 0 <= share <= 1:
        raise UsageError(f"The share of tokens to drop must be from 0 to 1, not {share}.")
    count = len(tokens)
    dropped = min(math.floor(count * share + _draw(key, "drop count")), count - 1)
    order = sorted(range(count), key=lambda at: _draw(key, f"drop {at}"))
    return [tokens[at] for at in sorted(order[max(dropped, 0) :])]


def drop_words(text: str, key: str, *, share: float = 0.2) -> str:
    """Drop a share of a text's words, see :func:`drop_tokens`; white space becomes blanks."""
    return " ".join(drop_tokens(text.split(), key, share=share))


def _draw(key: str, what: str) -> float:
    """A number from 0 to below 1 that depends on its arguments alone."""
    digest = hashlib.blake2b(f"{key}\x00{what}".encode(), digest_size=8).digest()
    # 53 bits are what a float holds exactly, so that it never rounds up to 1.
    return (int.from_bytes(digest, "big") >> 11) / 2**53
