"""The configuration of an index's build. Imported for ``--help``: no Beam, no torch here."""

import re
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from schemas.errors import UsageError

_INDEX = Parameter(group=Group("Index", sort_key=1))


@dataclass(frozen=True, kw_only=True)
class IndexConfig:
    """How an index is built.

    Raises:
        UsageError: a value is out of range.

    """

    memory: Annotated[str, _INDEX] = "4GB"
    """What it may take while it is searched: a number of MB or GB."""
    recall: Annotated[float, _INDEX] = 0.95
    """Share of the ten nearest neighbours that searches are to find; 1 for exact search."""
    factory: Annotated[str | None, _INDEX] = None
    """FAISS factory string to take instead of a choice: Flat, IVF1024,SQ8, HNSW32..."""
    rebuild: Annotated[bool, _INDEX] = False
    """Train anew and take in all embeddings, instead of adding what is new."""
    remove: Annotated[str | None, _INDEX] = None
    """File of asset ids, one a line or a table, that no search may find any more."""

    def __post_init__(self) -> None:
        if not 0 < self.recall <= 1:
            raise UsageError(f"--recall must be above 0 and at most 1, not {self.recall:g}.")
        if self.memory_bytes < 1:
            raise UsageError(f"--memory must be above 0, not {self.memory}.")

    def reaches(self, embeddings: str) -> dict[str, str]:
        """What workers read, by what it is, with its article."""
        read = {"an output": embeddings}
        return {**read, "a list of ids": self.remove} if self.remove else read

    @property
    def memory_bytes(self) -> int:
        """The memory in bytes.

        Raises:
            UsageError: it is no such number.

        """
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT])i?B?", self.memory.strip())
        if found is None:
            raise UsageError(
                f"--memory must be a number of MB or GB, such as 4GB, not {self.memory!r}."
            )
        return int(float(found[1]) * 1000 ** (1 + "kMGT".index(found[2])))
