"""Recall against speed: points of an index at different settings, timed in turns; their plot."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]

# By one alone a point may be left out that is the best.
_TRIALS = 3
_WIDTH, _HEIGHT, _EDGE = 640, 420, 60
_COLOURS = ("#0b6e4f", "#c1440e")


@dataclass(slots=True, eq=False)
class Point:
    """One way to search an index.

    Attributes:
        settings: in words.
        search: gives the rows found: int64 array of shape (queries, 10).
        recall: recall@10 of what it finds.
        seconds: that it took, each time.

    """

    settings: str
    search: Callable[[], Rows]
    recall: float
    seconds: list[float] = field(default_factory=list)

    def time(self) -> None:
        """Search once more."""
        started = time.perf_counter()
        self.search()
        self.seconds.append(time.perf_counter() - started)

    def rate(self, queries: int) -> float:
        """Queries a second: the median."""
        return queries / statistics.median(self.seconds)


def tried(
    settings: Sequence[tuple[str, Callable[[], Rows]]], truth: Rows, enough: float = 0.995
) -> list[Point]:
    """Measure the recall of settings of growing effort, up to the first that finds enough."""
    points = []
    for words, search in settings:
        point = Point(settings=words, search=search, recall=overlap(search(), truth))
        for _ in range(_TRIALS):
            point.time()
        points.append(point)
        if point.recall >= enough:
            break
    return points


def overlap(found: Rows, truth: Rows) -> float:
    """Recall: the share of the true neighbours that were found."""
    hits = (found[:, :, None] == truth[:, None, :]).any(axis=1).sum()
    return float(hits / truth.size)


def fastest(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both recall and speed, by recall."""
    best: list[Point] = []
    for point in sorted(points, key=lambda one: (-one.recall, min(one.seconds))):
        if not best or min(point.seconds) < min(best[-1].seconds):
            best.append(point)
    return best[::-1]


def cheapest(points: Sequence[Point], recall: float) -> Point | None:
    """The fastest point of at least some recall."""
    there = [point for point in points if point.recall >= recall]
    return min(there, key=lambda one: statistics.median(one.seconds), default=None)


def write_plot(path: Path, title: str, curves: dict[str, Sequence[Point]], queries: int) -> None:
    """Draw queries a second, on a logarithmic axis, over recall@10: an SVG."""
    rates = [point.rate(queries) for points in curves.values() for point in points]
    least = min(point.recall for points in curves.values() for point in points)
    low, high = np.log10(min(rates)), np.log10(max(rates))
    left, bottom = min(least, 0.9), _HEIGHT - _EDGE

    def x(recall: float) -> float:
        return _EDGE + (_WIDTH - 2 * _EDGE) * (recall - left) / (1 - left)

    def y(rate: float) -> float:
        return float(bottom - (_HEIGHT - 2 * _EDGE) * (np.log10(rate) - low) / max(high - low, 0.1))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}">',
        '<g font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_EDGE}" y="24" font-size="14">{title}</text>',
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 16}" text-anchor="middle">recall@10</text>',
        f'<text x="{_EDGE}" y="{_EDGE - 12}">queries a second</text>',
    ]
    for recall in np.linspace(left, 1, 6):
        parts += _line(x(recall), _EDGE, x(recall), bottom)
        parts.append(
            f'<text x="{x(recall):.0f}" y="{bottom + 16}" text-anchor="middle">{recall:.2f}</text>'
        )
    for rate in 10 ** np.linspace(low, high, 5):
        parts += _line(_EDGE, y(rate), _WIDTH - _EDGE, y(rate))
        parts.append(
            f'<text x="{_EDGE - 6}" y="{y(rate) + 4:.0f}" text-anchor="end">{rate:,.0f}</text>'
        )
    for colour, (name, points), row in zip(_COLOURS, curves.items(), (0, 1), strict=False):
        places = " ".join(f"{x(one.recall):.1f},{y(one.rate(queries)):.1f}" for one in points)
        parts.append(
            f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{x(one.recall):.1f}" cy="{y(one.rate(queries)):.1f}" r="3" '
            f'fill="{colour}"/>'
            for one in points
        ]
        parts.append(
            f'<text x="{_EDGE + 8}" y="{bottom - 24 + 16 * row}" fill="{colour}">{name}</text>'
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</g></svg>\n"]))


def _line(x1: float, y1: float, x2: float, y2: float) -> list[Any]:
    return [f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#ddd"/>']
