"""How the CM3Leon paper (arXiv 2309.02591, section 2.1) picks neighbours, written out plainly.

No array and no cleverness: one document after the other, each compared with all that were taken.
"""

from typing import NamedTuple


class Document(NamedTuple):
    id: str
    score: float
    vector: tuple[float, ...]
    modality: str


def similarity(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def pick(
    query_id: str,
    query: tuple[float, ...],
    ranked: list[Document],
    *,
    k: int,
    min_score: float | None,
    max_similarity: float | None,
    prefer_both: bool,
    drop_self: bool,
) -> list[Document]:
    pools = [ranked]
    if prefer_both:
        pools = [
            [document for document in ranked if document.modality == "both"],
            [document for document in ranked if document.modality != "both"],
        ]
    taken: list[Document] = []
    for pool in pools:
        for document in pool:
            if len(taken) == k:
                return taken
            if drop_self and document.id == query_id:
                continue
            if min_score is not None and document.score < min_score:
                continue
            if max_similarity is not None:
                others = [query, *(other.vector for other in taken)]
                if any(similarity(document.vector, other) > max_similarity for other in others):
                    continue
            taken.append(document)
    return taken
