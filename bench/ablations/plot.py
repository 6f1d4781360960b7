"""The plot: how the loss falls with and without retrieval, and what K does to both."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench.ablations.intervals import Estimate

_WIDTH, _HEIGHT, _EDGE, _TOP = 260, 240, 44, 56
_COLOURS = ("#0a5", "#a50")
_TICKS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture of several, side by side.

    Attributes:
        title: above it; ``across``: below it.
        lines: by title, each of (x, estimate).
        whole: the axis goes from 0 to 1; else over what is there.

    """

    title: str
    across: str
    lines: Mapping[str, Sequence[tuple[float, Estimate]]]
    whole: bool = True


def write_plot(path: Path, panels: Sequence[Panel]) -> None:
    """Write the panels as an SVG."""
    width = _WIDTH * len(panels)
    size = f'viewBox="0 0 {width} {_HEIGHT}" width="{width}" height="{_HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for row, (name, colour) in enumerate(zip(panels[0].lines, _COLOURS, strict=True)):
        parts.append(f'<text x="{_EDGE + 130 * row}" y="18" fill="{colour}">{escape(name)}</text>')
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * _WIDTH} 0)">')
        parts += _panel(panel)
        parts.append("</g>")
    path.write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")


def _panel(panel: Panel) -> Iterator[str]:
    points = [point for line in panel.lines.values() for point in line]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = 0.0, 1.0
    if not panel.whole:
        # Of one value an interval has no bounds: it is cut at the panel's.
        ends = [end for _, one in points for end in (one.low, one.mean, one.high)]
        low, high = min(filter(math.isfinite, ends)), max(filter(math.isfinite, ends))
    bottom = _HEIGHT - _EDGE

    def x(value: float) -> float:
        return _EDGE + (value - left) / ((right - left) or 1) * (_WIDTH - _EDGE - 16)

    def y(value: float) -> float:
        value = min(max(value, low), high)
        return bottom - (value - low) / ((high - low) or 1) * (bottom - _TOP)

    yield f'<text x="{_EDGE}" y="42" font-size="13">{escape(panel.title)}</text>'
    middle = (_EDGE + _WIDTH) / 2
    yield f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(panel.across)}</text>'
    for tick in range(_TICKS):
        value = low + (high - low) * tick / (_TICKS - 1)
        yield f'<path d="M{_EDGE} {y(value):.1f}H{_WIDTH - 16}" stroke="#ddd"/>'
        shown = f"{value:.0%}" if panel.whole else f"{value:.2f}"
        yield f'<text x="{_EDGE - 4}" y="{y(value) + 4:.1f}" text-anchor="end">{shown}</text>'
    for mark in sorted({at for at, _ in points}) if panel.whole else (left, right):
        yield f'<text x="{x(mark):.1f}" y="{bottom + 14}" text-anchor="middle">{mark:.0f}</text>'
    for line, colour in zip(panel.lines.values(), _COLOURS, strict=True):
        places = " ".join(f"{x(at):.1f},{y(one.mean):.1f}" for at, one in line)
        yield f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        for at, one in line:
            yield (
                f'<path d="M{x(at):.1f} {y(one.low):.1f}V{y(one.high):.1f}" stroke="{colour}"/>'
                f'<circle cx="{x(at):.1f}" cy="{y(one.mean):.1f}" r="2.5" fill="{colour}"/>'
            )
