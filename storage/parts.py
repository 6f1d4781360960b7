"""Parts: what is staged of a split, and which of them make it whole.

A part holds the outcomes of a contiguous range of its split's rows. Its record, a JSON object, is
written after its files: a part is there when its record is.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.manifest import Counts
from storage.layout import split_folder
from storage.store import Store

KEY_DTYPE = np.dtype(
    [
        ("identity_first", "<u8"),
        ("identity_second", "<u8"),
        ("second", "<u8"),
        ("position", "<u4"),
        ("outcome", "u1"),
    ]
)
"""One row of a part's key file: the words of storage.keys.RowKeys, where, and how it ended."""

DONE, FAILED, RETRY, DOUBLED = 0, 1, 2, 3
"""Outcomes of a row: an output row; a failure that stays; a failure that may pass; a failure
because a row before it has its id, as the commit finds out.
"""

OUTCOME_NAMES = ("done", "failed", "retry", "doubled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The outcomes of rows ``first`` to ``last`` (exclusive) of one split.

    Attributes:
        attempt: who wrote it; parts of different attempts may overlap.
        counts: where its rows ended.
        failures_by_kind: failed rows by kind.
        files: staged files by content: ``rows``, ``failures``, ``thumbnails``, ``keys``, and of an
            evaluation ``scores``, which are of all its parts; empty where all rows were skipped.
        sample_below: thumbnails are of the rows whose key's second word is below this.
        unusual_pictures: pictures that are not of the embedded model's small world.
        questions_sum: sum modulo 2**64 of the hashes of the questions met, done before or not.

    """

    split_id: str
    first: int
    last: int
    attempt: str
    counts: Counts
    failures_by_kind: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    sample_below: int = 1 << 64
    unusual_pictures: int = 0
    questions_sum: int = 0

    @property
    def name(self) -> str:
        """The part's name within its split."""
        return f"{self.first:08d}-{self.last:08d}-{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRecord:
    """What became of a split: small, and what crosses the last shuffle.

    ``parts`` cover the split's rows from 0 on, without gap or overlap; up to its end unless the
    run was stopped.
    """

    split_id: str
    offset: int
    row_count: int
    parts: tuple[Part, ...]


def stage_part(store: Store, run_id: str, part: Part) -> None:
    """Write a part's record: from here on it counts."""
    path = f"{split_folder(run_id, part.split_id)}/{part.name}.json"
    store.put(path, json.dumps(asdict(part)).encode())


def staged_parts(store: Store, run_id: str, split_id: str) -> list[Part]:
    """Read the records of a split's staged parts."""
    parts = []
    for entry in store.entries(split_folder(run_id, split_id)):
        if is_record(entry.path):
            parts.append(read_part(store, entry.path))
    return parts


def is_record(path: str) -> bool:
    """Whether a staged object is a part's record."""
    return path.endswith(".json")


def read_part(store: Store, path: str) -> Part:
    """Read a part's record.

    Raises:
        FileNotFoundError: it is gone: the run was committed meanwhile.

    """
    fields = json.loads(store.get(path))
    fields["counts"] = Counts(**fields["counts"])
    return Part(**fields)


def choose_cover(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Choose parts that cover a split from row 0 on without gap or overlap, as far as any do.

    Among the ways to reach the furthest row the one with the fewest parts is taken; ties go to
    the attempt that sorts first, so that all who choose choose alike.
    """
    best: dict[int, tuple[Part, ...]] = {0: ()}
    for part in sorted(parts, key=lambda part: (part.first, part.last, part.attempt)):
        before = best.get(part.first)
        if before is None or part.last <= part.first:
            continue
        known = best.get(part.last)
        if known is None or len(before) + 1 < len(known):
            best[part.last] = (*before, part)
    return best[max(best)]


def read_keys(store: Store, part: Part) -> NDArray[np.void]:
    """Read a part's key file: a structured array of ``KEY_DTYPE``, in the order of its rows."""
    if "keys" not in part.files:
        return np.empty(0, KEY_DTYPE)
    return np.frombuffer(store.get(part.files["keys"]), KEY_DTYPE)


def sum_counts(parts: Sequence[Part]) -> Counts:
    """Add up where the rows of several parts ended."""
    total = Counts()
    for part in parts:
        total = total + part.counts
    return total
