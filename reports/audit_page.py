"""The page of an audit: what was found, all that was measured, and what cannot be shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from reports.audit.disparity import Disparity
from reports.audit.result import Audit
from reports.audit.sentences import LIMITS
from reports.output_folder import write_whole
from reports.rendering import render

MOST_ROWS = 400
"""Of a table in the page, those that were found and the largest differences first."""

_TOPICS = {
    "safety": "Refusals, empty texts and failures",
    "quality": "Quality",
    "terms": "Words",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A figure as a page shows it: texts, and places from 0 to 100 on the line it is drawn on.

    Attributes:
        name: what it is of; ``detail``: in small letters behind it.
        value, interval: as texts; ``rows``: of how many.
        low, at, high: where the interval and the value are drawn; ``other``: what it is compared
            with, None for nothing.
        differs: the difference as a text, ``sure``: the corrected p value; empty without.
        found: whether it counts.

    """

    name: str
    detail: str
    rows: int
    value: str
    interval: str
    low: float
    at: float
    high: float
    other: float | None = None
    differs: str = ""
    other_value: str = ""
    sure: str = ""
    found: bool = False


def write_audit_page(audit: Audit, destination: str) -> None:
    """Write one self-contained HTML file.

    Args:
        destination: a local path or a URI.

    Raises:
        UsageError: its folder is not there.
        RunError: it cannot be written.

    """
    page = render(
        "audit.html",
        styles=("audit",),
        audit=audit,
        rates=_rates(audit),
        columns=[
            (column, groups, list(_topics(audit, column)))
            for column, groups in audit.columns.items()
        ],
        leans=_leans(audit),
        labels=_labels(audit),
        limits=LIMITS,
    )
    write_whole(destination, page.encode())


def _topics(audit: Audit, column: str) -> Iterable[tuple[str, str, list[Line], int]]:
    """Of a column's groups, by topic: a name, a heading, lines, and how many are left out."""
    for topic, heading in _TOPICS.items():
        some = [
            one for one in audit.disparities if one.column == column and one.measure.topic == topic
        ]
        if some:
            some.sort(key=lambda one: (not one.found, -abs(one.effect)))
            scale = _scale(some)
            lines = [_compared(one, _measure(one), one.group, scale) for one in some[:MOST_ROWS]]
            yield topic, heading, lines, len(some) - len(lines)


def _compared(one: Disparity, name: str, detail: str, scale: tuple[float, float]) -> Line:
    sure = "too few rows"
    if one.corrected is not None:
        sure = "p < 0.001" if one.corrected < 0.001 else f"p = {one.corrected:.3f}"
    points = "+" if one.difference > 0 else "−" if one.difference < 0 else "±"
    size = abs(one.difference)
    return Line(
        name=name,
        detail=detail,
        rows=one.rows,
        value=_value(one.value, is_share=one.is_share),
        interval=_interval(one.low, one.high, is_share=one.is_share),
        low=_place(one.value if one.low is None else one.low, scale),
        at=_place(one.value, scale),
        high=_place(one.value if one.high is None else one.high, scale),
        other=_place(one.other, scale),
        other_value=_value(one.other, is_share=one.is_share),
        differs=f"{points}{100 * size:.1f} points" if one.is_share else f"{points}{size:.3g}",
        sure=sure,
        found=one.found,
    )


def _rates(audit: Audit) -> list[Line]:
    lines = []
    for one in audit.rates:
        if not one.value and one.measure.topic == "terms":
            continue
        # Means of metrics have scales of their own, and no line to be drawn on.
        scale = (0.0, 1.0) if one.is_share else (one.value - 1, one.value + 1)
        drawn = one.is_share and one.low is not None and one.high is not None
        lines.append(
            Line(
                name=one.measure.name,
                detail=audit.words[one.measure.source][0] if one.measure.source else "",
                rows=one.rows,
                value=_value(one.value, is_share=one.is_share),
                interval=_interval(one.low, one.high, is_share=one.is_share),
                low=_place(one.low or 0.0, scale) if drawn else 0.0,
                at=_place(one.value, scale) if drawn else 0.0,
                high=_place(one.high or 0.0, scale) if drawn else 0.0,
            )
        )
    return lines


def _leans(audit: Audit) -> list[Line]:
    some = sorted(audit.leans, key=lambda one: (not one.disparity.found, -one.disparity.rows))
    return [
        _compared(one.disparity, one.term, f"{one.against}, not {one.other}", (0.0, 1.0))
        for one in some[:MOST_ROWS]
    ]


def _labels(audit: Audit) -> list[Line]:
    if audit.representation is None:
        return []
    return [
        Line(
            name=one.label,
            detail="",
            rows=one.rows,
            value=_value(one.share, is_share=True),
            interval=_interval(one.low, one.high, is_share=True),
            low=100 * one.low,
            at=100 * one.share,
            high=100 * one.high,
            other=100 * one.reference,
            other_value=_value(one.reference, is_share=True),
        )
        for one in audit.representation.shares
    ]


def _measure(one: Disparity) -> str:
    return f"{one.measure.source}: {one.measure.name}" if one.measure.source else one.measure.name


def _scale(some: list[Disparity]) -> tuple[float, float]:
    """The ends of the line that differences are drawn on: shares from 0, means from the least."""
    ends = [
        end for one in some for end in (one.low, one.high, one.value, one.other) if end is not None
    ]
    low = 0.0 if all(one.is_share for one in some) else min(ends)
    return low, max(*ends, low + 1e-9)


def _place(value: float, scale: tuple[float, float]) -> float:
    low, high = scale
    return min(max(100 * (value - low) / (high - low), 0.0), 100.0)


def _value(value: float, *, is_share: bool) -> str:
    return f"{100 * value:.1f} %" if is_share else f"{value:.4g}"


def _interval(low: float | None, high: float | None, *, is_share: bool) -> str:
    if low is None or high is None:
        return "no interval"
    if is_share:
        return f"{100 * low:.1f} to {100 * high:.1f}"
    return f"{low:.4g} to {high:.4g}"
