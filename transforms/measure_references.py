"""The reference pictures of an evaluation of generations: their vectors, part by part."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray

from schemas.score import ALL
from storage.embeddings import EmbeddingFile, EmbeddingSet, read_vectors, superseded_rows
from storage.keys import row_keys
from transforms.metrics.picture_sets import PictureSets, VectorSet

_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferencePart:
    """A file of vectors.

    Attributes:
        left_out: positions of rows that newer ones stand in the place of, sorted.

    """

    file: EmbeddingFile
    left_out: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


class PlanReferences(beam.DoFn):
    """A set of vectors in, its parts out."""

    def process(self, reference: EmbeddingSet) -> Iterator[ReferencePart]:
        """Find the newest row of each asset."""
        superseded = superseded_rows(reference.runs.uri, reference.files)
        nothing = np.empty(0, np.int64)
        for file in reference.files:
            yield ReferencePart(file=file, left_out=superseded.get(file.path, nothing))


class MeasureReferences(beam.DoFn):
    """Parts in, and what is known of their vectors out."""

    def __init__(self, reference: EmbeddingSet) -> None:
        self._reference = reference

    def process(self, part: ReferencePart) -> Iterator[tuple[str, PictureSets]]:
        """Measure a part's vectors; what is not finite belongs to no set."""
        gathered: list[tuple[NDArray[np.float32], NDArray[np.uint64]]] = []
        for vectors, keys in self._read(part):
            gathered.append((vectors, keys))
            if sum(len(some) for some, _ in gathered) >= _ROWS_AT_ONCE:
                yield ALL, _measured(gathered)
                gathered = []
        if gathered:
            yield ALL, _measured(gathered)

    def _read(
        self, part: ReferencePart
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint64]]]:
        reference = self._reference
        for batch in read_vectors(reference.runs.uri, part.file, reference.dimension):
            positions = np.arange(batch.first, batch.first + len(batch.vectors))
            counted = ~np.isin(positions, part.left_out)
            counted &= np.isfinite(batch.vectors).all(axis=1)
            if counted.any():
                keys = row_keys([str(one) for one in batch.rows["asset_id"].to_pylist()], None, b"")
                yield batch.vectors[counted], keys.identity[counted, 0]


def _measured(gathered: list[tuple[NDArray[np.float32], NDArray[np.uint64]]]) -> PictureSets:
    vectors = np.concatenate([some for some, _ in gathered])
    keys = np.concatenate([some for _, some in gathered])
    return PictureSets(reference=VectorSet.of(vectors, keys))
