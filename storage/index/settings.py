"""How an index is searched."""

from dataclasses import dataclass

from schemas.errors import UsageError

TUNED_NEIGHBORS = 10
"""The parameters are those that find so many neighbours; fewer are found as well as the first of
these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """Parameters of a search. More of each finds more, and takes longer.

    Attributes:
        nprobe: clusters whose vectors are looked at, of an IVF index.
        ef_search: vectors kept in sight on the way through an HNSW graph.
        factor: how many candidates, for each neighbour wanted, are scored again from the stored
            vectors; 1 is enough where codes are exact.

    Raises:
        UsageError: one is below 1.

    """

    nprobe: int = 1
    ef_search: int = 16
    factor: int = 1

    def __post_init__(self) -> None:
        if min(self.nprobe, self.ef_search, self.factor) < 1:
            raise UsageError("nprobe, ef_search and factor of a search must be 1 or more.")
