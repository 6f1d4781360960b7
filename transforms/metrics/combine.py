"""What is added up over rows, as Beam's CombineFns: merging in any order gives the same."""

from collections.abc import Iterable

import apache_beam as beam

from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.sums import Sums


class AddFrequencies(beam.CombineFn):
    """Document frequencies of parts of the rows in, those of all rows out.

    What comes in is gathered until it is as much as what was merged, so that n-grams are sorted a
    few times only; memory stays within twice the different n-grams.
    """

    _FEW = 1 << 20

    def create_accumulator(self) -> list[DocumentFrequencies]:
        """Begin with nothing."""
        return []

    def add_input(
        self, accumulator: list[DocumentFrequencies], element: DocumentFrequencies
    ) -> list[DocumentFrequencies]:
        """Take a part in."""
        accumulator.append(element)
        pending = sum(len(part.hashes) for part in accumulator[1:])
        if pending > max(self._FEW, len(accumulator[0].hashes)):
            return [DocumentFrequencies.merge(accumulator)]
        return accumulator

    def merge_accumulators(
        self, accumulators: Iterable[list[DocumentFrequencies]]
    ) -> list[DocumentFrequencies]:
        """Put what several workers have together."""
        merged: list[DocumentFrequencies] = []
        for accumulator in accumulators:
            for part in accumulator:
                merged = self.add_input(merged, part)
        return merged

    def compact(self, accumulator: list[DocumentFrequencies]) -> list[DocumentFrequencies]:
        """Make it small before it is sent."""
        return [DocumentFrequencies.merge(accumulator)]

    def extract_output(self, accumulator: list[DocumentFrequencies]) -> DocumentFrequencies:
        """Give the whole."""
        return DocumentFrequencies.merge(accumulator)


class AddSums(beam.CombineFn):
    """Sums of the statistics of metrics over parts of the rows in, those over all rows out."""

    def create_accumulator(self) -> list[Sums]:
        """Begin with nothing."""
        return []

    def add_input(self, accumulator: list[Sums], element: Sums) -> list[Sums]:
        """Take a part in."""
        return [Sums.merge([*accumulator, element])]

    def merge_accumulators(self, accumulators: Iterable[list[Sums]]) -> list[Sums]:
        """Put what several workers have together."""
        parts = [part for accumulator in accumulators for part in accumulator]
        return [Sums.merge(parts)] if parts else []

    def extract_output(self, accumulator: list[Sums]) -> Sums:
        """Give the whole."""
        return Sums.merge(accumulator)
