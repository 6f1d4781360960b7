"""Rows that failed and have no result since."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reports.audit.groups import Groups
from reports.audit.rows import AuditedRows, column_of
from schemas.failure import FailureKind
from storage.keys import asset_words, question_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRow:
    """A row that failed, by its asset and its kind."""

    asset_id: str
    kind: str
    groups: dict[str, str]


@dataclass(slots=True)
class FailedRows:
    """What failed in an output: each row once, some 300 bytes of memory each.

    A row that failed one night and was done in another has not failed.
    """

    _by_hash: dict[int, FailedRow] = field(default_factory=dict)

    def read(self, rows: AuditedRows, groups: Groups) -> None:
        """Read what failed in the runs that wrote the table."""
        for batch in rows.failures():
            ids = [str(one) for one in batch["asset_id"].to_pylist()]
            of = groups.of(ids, batch, counted=False)
            hashes = _identities(ids, batch["question_id"].to_pylist())
            kinds = [str(one) for one in batch["kind"].to_pylist()]
            for place, value in enumerate(hashes.tolist()):
                if ids[place] and kinds[place] != FailureKind.DUPLICATE_ID.value:
                    self._by_hash[value] = FailedRow(
                        asset_id=ids[place],
                        kind=kinds[place],
                        groups={name: some[place] for name, some in of.items()},
                    )

    def take_out(self, ids: list[str], batch: pa.RecordBatch) -> None:
        """Rows that have a result have not failed."""
        if not self._by_hash:
            return
        parts = column_of(batch, "question_id") or column_of(batch, "sample_number")
        whole = _identities(ids, [""] * len(ids))
        for value in whole.tolist():
            self._by_hash.pop(value, None)
        if parts is not None:
            for value in _identities(ids, parts).tolist():
                self._by_hash.pop(value, None)

    def left(self) -> list[FailedRow]:
        """Those that have none."""
        return list(self._by_hash.values())


def _identities(ids: list[str], parts: list[object]) -> NDArray[np.uint64]:
    names = [
        question_identity(name, "" if part is None else str(part))
        for name, part in zip(ids, parts, strict=True)
    ]
    return asset_words(names)[:, 0]
