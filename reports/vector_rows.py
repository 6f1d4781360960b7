"""Reading what embedding and retrieving left: figures over all rows, and a sample of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from reports.output_folder import OutputFolder
from reports.reading import SHA256, Row, clip, other_columns, read_batches
from reports.sampling import LowestKeys
from schemas.arrow import arrow_schema
from schemas.embedding import Embedding
from schemas.manifest import RunManifest
from schemas.neighbors import Neighbors
from storage.score_bins import ScoreCounts, rounded

MOST_NEIGHBORS = 20
"""Of a row in a page; the table has the others."""


@dataclass(slots=True)
class VectorTally:
    """Figures over all rows of an embedding or retrieving run.

    Attributes:
        modalities: rows by what was embedded or searched with.
        cut: rows whose text was longer than the model reads.
        by_count: queries by how many neighbours they have.
        scores: of the neighbours.

    """

    rows: int = 0
    modalities: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    by_count: Counter[int] = field(default_factory=Counter)
    scores: ScoreCounts = field(default_factory=ScoreCounts)

    @property
    def neighbors(self) -> int:
        """Neighbours of all queries."""
        return sum(count * queries for count, queries in self.by_count.items())

    @property
    def without(self) -> int:
        """Queries that have none."""
        return self.by_count[0]


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
        tally.scores.add(rounded(column.flatten().to_numpy(zero_copy_only=False)))


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
            "scores": rounded(np.array(values["scores"][:MOST_NEIGHBORS])).tolist(),
            "count": len(ids),
            "index": values["index"],
            "index_version": values["index_version"],
        }
    return row
