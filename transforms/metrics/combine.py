"""What is added up over rows, as Beam's CombineFns: merging in any order gives the same."""

from collections.abc import Iterable
from typing import Any, Protocol, Self

import apache_beam as beam

from transforms.metrics.document_frequencies import DocumentFrequencies


class Mergeable(Protocol):
    """What is known of some rows, and can be put together with what is known of others."""

    @classmethod
    def merge(cls, some: "Iterable[Self]") -> Self:
        """What is known of all of them; of one at least."""


class AddFrequencies(beam.CombineFn):
    """Document frequencies of parts of the rows in, those of all rows out.

    What comes in is gathered until it is as much as what was merged, so that n-grams are sorted a
    few times only; memory stays within three times the different n-grams.
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
    """Sums, or anything :class:`Mergeable`, over parts of the rows in, those over all rows out."""

    def create_accumulator(self) -> list[Any]:
        """Begin with nothing."""
        return []

    def add_input(self, accumulator: list[Any], element: Any) -> list[Any]:
        """Take a part in."""
        return _merged([*accumulator, element])

    def merge_accumulators(self, accumulators: Iterable[list[Any]]) -> list[Any]:
        """Put what several workers have together."""
        return _merged([part for accumulator in accumulators for part in accumulator])

    def extract_output(self, accumulator: list[Any]) -> Any:
        """Give the whole."""
        return accumulator[0]


def _merged(parts: list[Any]) -> list[Any]:
    return [type(parts[0]).merge(parts)] if parts else []
