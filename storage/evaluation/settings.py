"""What an evaluation is to compare."""

from collections.abc import Iterator
from dataclasses import dataclass

from storage.evaluation.benchmarks import BenchmarkName, read_benchmark
from storage.evaluation.references import Kind, Reference, read_references
from storage.evaluation.results import ResultFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """What an evaluation compares, and by what it slices.

    Attributes:
        kind: what is evaluated.
        results: the files of results.
        references: file of references; empty to take those that the results hold.
        benchmark: whose annotations that file holds; None for a file of the user's own.
        slice_by: columns of the results or the references.

    """

    kind: Kind
    results: ResultFiles
    references: str
    benchmark: BenchmarkName | None
    slice_by: tuple[str, ...]

    @property
    def takes_own(self) -> bool:
        """Whether references are those that the results hold."""
        return not self.references and self.benchmark is None

    def read_references(self) -> Iterator[Reference]:
        """Read the references.

        Raises:
            CatalogError: they cannot be read.

        """
        if self.benchmark is not None:
            return read_benchmark(self.benchmark, self.references)
        return read_references(self.references, self.kind)
