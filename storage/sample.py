"""Thumbnails: each part stages those of a sample, the commit thins them to one uniform sample."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.keys import row_keys
from storage.layout import staging_folder, thumbnails_path
from storage.parts import Part
from storage.store import Store

SAMPLE_ROWS = 1000
SAMPLE_FAILURES = 200


def stage_sample(
    store: Store, run_id: str, parts: Sequence[Part], token: str
) -> list[tuple[str, str]]:
    """Thin the parts' thumbnails to at most a thousand rows and 200 failures; give the move.

    A row brought its thumbnail if its key, which is random, lies below its part's bound. Below
    the smallest bound of all parts every row is there, so the rows with the smallest keys below
    it are a uniform sample.
    """
    paths = [part.files["thumbnails"] for part in parts if "thumbnails" in part.files]
    if not paths:
        return []
    bound = min(part.sample_below for part in parts if part.files)
    rows, failures = _Smallest(SAMPLE_ROWS), _Smallest(SAMPLE_FAILURES)
    for path in paths:
        # One part's thumbnails at a time, and no threads, which would hold memory each.
        table = pq.ParquetFile(io.BytesIO(store.get(path))).read(use_threads=False)
        for row in table.to_pylist():
            second = int(row["key"][16:], 16)
            if row["failed"]:
                failures.offer(second, row)
            elif second < bound:
                rows.offer(second, row)
    kept = rows.smallest()
    shown = {row["key"] for row in kept}
    # Of a doubled id, which has its key twice, the first row was kept.
    kept += [row for row in failures.smallest() if row["key"] not in shown]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(kept, schema=table.schema.remove_metadata()), sink)
    staged = f"{staging_folder(run_id)}/thumbnails-{token}.parquet"
    store.put(staged, sink.getvalue().to_pybytes())
    return [(staged, thumbnails_path(run_id))]


def kept_thumbnails(
    store: Store, run_ids: Sequence[str], asset_ids: Sequence[str]
) -> dict[str, bytes]:
    """The thumbnails that runs have kept of some assets: JPEG by asset id.

    Args:
        run_ids: an asset's thumbnail is taken from the first of them that has it.

    """
    identities = row_keys(asset_ids, None, b"").identity[:, 0].tolist()
    wanted = {f"{word:016x}": name for word, name in zip(identities, asset_ids, strict=True)}
    found: dict[str, bytes] = {}
    for path in map(thumbnails_path, run_ids):
        if len(found) == len(wanted):
            break
        if store.exists(path):
            table = pq.ParquetFile(io.BytesIO(store.get(path))).read(columns=["key", "jpeg"])
            for row in table.to_pylist():
                if (name := wanted.get(row["key"][:16])) is not None:
                    found.setdefault(name, row["jpeg"])
    return found


class _Smallest:
    """The rows of the smallest numbers that were offered, each key once, the first to come."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._kept: dict[str, tuple[int, dict[str, Any]]] = {}

    def offer(self, number: int, row: dict[str, Any]) -> None:
        """Take a row, and let go of those that cannot be among the smallest any more."""
        self._kept.setdefault(row["key"], (number, row))
        if len(self._kept) >= 2 * self._count:
            self._kept = {row["key"]: (number, row) for number, row in self._sorted()}

    def smallest(self) -> list[dict[str, Any]]:
        """The rows, by their numbers."""
        return [row for _, row in self._sorted()]

    def _sorted(self) -> list[tuple[int, dict[str, Any]]]:
        return sorted(self._kept.values(), key=lambda item: item[0])[: self._count]
