"""Reading what embedding and retrieving left: figures over all rows, and a sample of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reports.output_folder import OutputFolder
from reports.reading import SHA256, Row, clip, other_columns, read_batches
from reports.sampling import LowestKeys
from schemas.arrow import arrow_schema
from schemas.embedding import Embedding
from schemas.manifest import RunManifest
from schemas.neighbors import Neighbors

MOST_NEIGHBORS = 20
"""Of a row in a page; the table has the others."""

_MOST_BINS = 24
# Scores are inner products of unit vectors: from -1 to 1, in hundredths.
_EDGES = np.array([round(edge / 100 - 1, 4) for edge in range(200)])
_WIDTHS = (1, 2, 5, 10, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreBin:
    """Neighbours whose score is ``low`` or more and less than ``high``."""

    low: float
    high: float
    count: int


@dataclass(slots=True)
class VectorTally:
    """Figures over all rows of an embedding or retrieving run.

    Attributes:
        modalities: rows by what was embedded or searched with.
        cut: rows whose text was longer than the model reads.
        by_count: queries by how many neighbours they have.
        scores: neighbours by score, in hundredths from -1 to 1.

    """

    rows: int = 0
    modalities: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    by_count: Counter[int] = field(default_factory=Counter)
    scores: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(_EDGES), np.int64))

    @property
    def neighbors(self) -> int:
        """Neighbours of all queries."""
        return sum(count * queries for count, queries in self.by_count.items())

    @property
    def without(self) -> int:
        """Queries that have none."""
        return self.by_count[0]

    def bins(self) -> list[ScoreBin]:
        """The scores in bins of equal width, from the lowest score that there is to the highest."""
        held = np.flatnonzero(self.scores)
        if not len(held):
            return []
        first, last = int(held[0]), int(held[-1])
        width = next(width for width in _WIDTHS if last // width - first // width < _MOST_BINS)
        return [
            ScoreBin(
                low=round(start / 100 - 1, 2),
                high=round((start + width) / 100 - 1, 2),
                count=int(self.scores[start : start + width].sum()),
            )
            for start in range(first - first % width, last + 1, width)
        ]


def read_vector_rows(
    folder: OutputFolder, manifest: RunManifest, *, most: int, first: frozenset[str]
) -> tuple[VectorTally, list[Row]]:
    """Read the rows of an embedding or retrieving run, without the vectors.

    Args:
        most: rows kept.
        first: keys of rows to keep before others.

    Returns:
        Figures over all rows, and a uniform sample of rows as plain values for JSON, those of
        ``first`` leading.

    """
    whole = arrow_schema(Neighbors if manifest.job == "neighbors" else Embedding)
    schema = pa.schema([one for one in whole if one.name != "vector"])
    files = folder.parquet_files(f"{manifest.table}/run={manifest.run_id}")
    tally = VectorTally()
    sample = LowestKeys(most, first)
    for batch in read_batches(folder, files, schema):
        _count(tally, batch)
        for index in sample.candidates(batch["key"]):
            key = batch["key"][index].as_py()
            if sample.accepts(key):
                values = {name: batch[name][index].as_py() for name in schema.names}
                sample.offer(key, _row(values))
    return tally, list(sample)


def _count(tally: VectorTally, batch: pa.RecordBatch) -> None:
    names = batch.schema.names
    tally.rows += batch.num_rows
    modality: Any = batch["query_modality" if "query_modality" in names else "modality"]
    tally.modalities.update(modality.to_pylist())
    cut: Any = batch["text_cut"]
    tally.cut += cut.true_count
    if "scores" in names:
        column: Any = batch["scores"]
        tally.by_count.update(np.diff(column.offsets.to_numpy()).tolist())
        scores = _rounded(column.flatten().to_numpy(zero_copy_only=False))
        bins = np.searchsorted(_EDGES, scores, side="right") - 1
        tally.scores += np.bincount(np.maximum(bins, 0), minlength=len(_EDGES))


def _rounded(scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Scores as the page holds them, so that each is behind the bar that counts it."""
    rounded: NDArray[np.float64] = scores.astype(np.float64).round(4)
    return rounded


def _row(values: Row) -> Row:
    row = {
        "key": values["key"],
        "id": clip(values["asset_id"]),
        "text": clip(values["text"]),
        "uri": clip(values["uri"]),
        "modality": values.get("query_modality", values.get("modality")),
        "cut": values["text_cut"] or None,
        SHA256: values["sha256"],
        "attributes": other_columns(values["attributes"]),
    }
    if "neighbor_ids" in values:
        ids: Sequence[str] = values["neighbor_ids"]
        row |= {
            "neighbors": [clip(one) for one in ids[:MOST_NEIGHBORS]],
            "scores": _rounded(np.array(values["scores"][:MOST_NEIGHBORS])).tolist(),
            "count": len(ids),
            "index": values["index"],
            "index_version": values["index_version"],
        }
    return row
