"""The CM3 objective: spans of a document are cut out and told at its end.

"CM3: A Causal Masked Multimodal Model of the Internet" (arXiv 2201.07520): n spans, n being a
Poisson variable of mean 1 clamped to [1, 16], that do not overlap. Where each was stands a
numbered sentinel; behind the document the spans follow, each behind its own sentinel, and no loss
is taken on the sentinels. "Scaling Autoregressive Multi-Modal Models" (arXiv 2309.02591) has no
span cross a break between modalities: here each lies in one picture, or in text without a mark in
it.
"""

import bisect
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from transforms.documents.segment import Segment

MOST_SPANS = 16
_CUMULATED = tuple(
    itertools.accumulate(math.exp(-1) / math.factorial(count) for count in range(MOST_SPANS))
)

Span = tuple[int, int]
"""First token, and behind the last one, counted in the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinels:
    """Token ids of a vocabulary for infilling, and how it writes them.

    Attributes:
        masks: in the order of their numbers; no more spans are cut out than there are.
        infill: stands between the document and the spans.

    """

    masks: tuple[tuple[int, str], ...]
    infill: tuple[int, str]

    @property
    def most(self) -> int:
        """Spans that can be cut out at most."""
        return min(len(self.masks), MOST_SPANS)


def draw_span_count(random: Random, most: int) -> int:
    """Draw how many spans are cut out: a Poisson variable of mean 1, clamped to [1, most]."""
    drawn = bisect.bisect_right(_CUMULATED, random.random())
    return min(max(drawn, 1), most)


def draw_spans(segments: Sequence[Segment], count: int, random: Random) -> list[Span]:
    """Draw the spans that are cut out of a document, in the order of reading.

    Of what is not cut out yet, each span that lies in one stretch is as likely as any other, so
    they are drawn one after another without a miss.

    Args:
        segments: of the document; only text and pictures are cut.
        count: spans that are wanted.

    Returns:
        Fewer than are wanted where no tokens are left.

    """
    free = list(_stretches(segments))
    drawn: list[Span] = []
    while free and len(drawn) < count:
        spans = [(stop - start) * (stop - start + 1) // 2 for start, stop in free]
        ends = list(itertools.accumulate(spans))
        start, stop = free.pop(bisect.bisect_right(ends, random.randrange(ends[-1])))
        # Two different edges of the stretch's tokens, of which there is one more than tokens.
        edges = stop - start + 1
        first = random.randrange(edges)
        second = random.randrange(edges - 1)
        second += second >= first
        low, high = start + min(first, second), start + max(first, second)
        drawn.append((low, high))
        free += [one for one in ((start, low), (high, stop)) if one[0] < one[1]]
    return sorted(drawn)


def spans_of_fields(segments: Sequence[Segment], fields: Sequence[str], most: int) -> list[Span]:
    """The spans that are just what some columns say, in the order of reading; not retrieved ones.

    Args:
        most: spans at most: the last ones are left where they are.

    """
    spans: list[Span] = []
    start = 0
    joined = False
    for segment in segments:
        stop = start + len(segment.tokens)
        wanted = segment.field in fields and not segment.retrieved and start < stop
        if wanted and joined:
            spans[-1] = (spans[-1][0], stop)
        elif wanted:
            spans.append((start, stop))
        joined = wanted
        start = stop
    return spans[:most]


def cut_out(
    segments: Sequence[Segment], spans: Sequence[Span], sentinels: Sentinels
) -> list[Segment]:
    """Put sentinels where spans were, and the spans, each behind its sentinel, at the end.

    Args:
        spans: in the order of reading; each of them in segments that lie side by side.

    """
    kept: list[Segment] = []
    moved: list[Segment] = []
    for number, begins, piece in _pieces(segments, spans):
        if number < 0:
            kept.append(piece)
            continue
        if begins:
            kept.append(_sentinel(sentinels.masks[number], number))
            moved.append(_sentinel(sentinels.masks[number], number))
        moved.append(piece)
    return [*kept, _sentinel(sentinels.infill, -1), *moved] if moved else kept


def put_back(segments: Sequence[Segment]) -> list[Segment]:
    """Undo :func:`cut_out`: the document as it was before spans were cut out of it.

    What stands behind the spans, such as the end of the document, stays behind.
    """
    infill = next(
        (at for at, one in enumerate(segments) if one.kind == "sentinel" and one.span < 0), None
    )
    if infill is None:
        return list(segments)
    spans: dict[int, list[Segment]] = {}
    behind: list[Segment] = []
    for segment in segments[infill + 1 :]:
        if segment.span < 0:
            behind.append(segment)
        elif segment.kind != "sentinel":
            spans.setdefault(segment.span, []).append(segment)
    whole: list[Segment] = []
    for segment in segments[:infill]:
        whole += spans[segment.span] if segment.kind == "sentinel" else [segment]
    return [*whole, *behind]


def _pieces(
    segments: Sequence[Segment], spans: Sequence[Span]
) -> Iterator[tuple[int, bool, Segment]]:
    """Cut segments at the edges of spans: the span's number or -1, whether it begins, the piece."""
    number = start = 0
    for segment in segments:
        stop = start + len(segment.tokens)
        at = start
        while at < stop:
            while number < len(spans) and spans[number][1] <= at:
                number += 1
            low, high = spans[number] if number < len(spans) else (stop, stop)
            inside = low <= at
            until = min(stop, high if inside else low)
            span = number if inside else -1
            yield span, at == low, segment.part(at - start, until - start, span)
            at = until
        start = stop


def _stretches(segments: Sequence[Segment]) -> Iterator[Span]:
    """Where spans may lie: pictures, and texts that no mark takes apart."""
    start = 0
    first: int | None = None
    for segment in segments:
        stop = start + len(segment.tokens)
        if segment.kind == "text":
            first = start if first is None else first
        else:
            if first is not None and first < start:
                yield first, start
            first = None
            if segment.kind == "image" and start < stop:
                yield start, stop
        start = stop
    if first is not None and first < start:
        yield first, start


def _sentinel(mask: tuple[int, str], number: int) -> Segment:
    return Segment(
        kind="sentinel",
        tokens=np.array([mask[0]], np.int32),
        weight=0.0,
        span=number,
        whole=mask[1],
    )
