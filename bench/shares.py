"""Shares of what is right, with their intervals."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from transforms.metrics.interval import share_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of a number are right.

    Attributes:
        what: was measured.
        right: of ``count``.

    """

    what: str
    right: int
    count: int

    @classmethod
    def of(cls, what: str, hits: Sequence[bool]) -> Self:
        """Count what is right."""
        return cls(what=what, right=sum(hits), count=len(hits))

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.right / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of its 95 % interval: see :func:`transforms.metrics.interval.share_interval`."""
        return share_interval(self.share, self.count)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:.2%} ({low:.2%} to {high:.2%})"


def table(shares: Iterable[Share]) -> Iterator[str]:
    """Lines of a Markdown table, each as soon as it is known."""
    yield "| what | of | right (95 % interval) |"
    yield "|---|---|---|"
    for one in shares:
        yield f"| {one.what} | {one.count:,} | {one} |"
