"""What an evaluation is to compare."""

from collections.abc import Iterator
from dataclasses import dataclass

from storage.embeddings import EmbeddingSet
from storage.evaluation.benchmarks import BenchmarkName, read_benchmark
from storage.evaluation.kinds import KINDS
from storage.evaluation.references import Kind, Reference, read_references
from storage.evaluation.result_files import ResultFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """What an evaluation compares, and by what it slices.

    Attributes:
        kind: what is evaluated.
        results: the files of results.
        references: file of references; empty to take those that the results hold, or none.
        encoded: whether texts, and pictures that have no vectors, are embedded to be scored.
        reference_set: vectors of the pictures that generations are compared with; None for none.
        benchmark: whose annotations that file holds; None for a file of the user's own.
        slice_by: columns of the results or the references.

    """

    kind: Kind
    results: ResultFiles
    references: str
    benchmark: BenchmarkName | None
    slice_by: tuple[str, ...]
    encoded: bool = False
    reference_set: EmbeddingSet | None = None

    @property
    def compared(self) -> bool:
        """Whether each row is compared with references of its own."""
        return KINDS[self.kind].compared

    @property
    def reads_file(self) -> bool:
        """Whether those are in a file, and not held by the results."""
        return self.compared and bool(self.references or self.benchmark is not None)

    def read_references(self) -> Iterator[Reference]:
        """Read the references.

        Raises:
            CatalogError: they cannot be read.

        """
        if self.benchmark is not None:
            return read_benchmark(self.benchmark, self.references)
        return read_references(self.references, self.kind)
