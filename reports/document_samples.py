"""Documents to look at: chosen over tasks, and taken apart into what a page shows."""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from reports.document_tally import equals
from reports.sampling import LowestKeys

SAMPLES = 24
"""Documents that a page shows."""

_MOST_TASKS = 100

Row = dict[str, Any]


class DocumentSampler:
    """Chooses documents: of each task as many, uniformly, and the same ones each time.

    Keys are hashes, so those with the lowest are a uniform sample.
    """

    def __init__(self, most: int = SAMPLES) -> None:
        self._most = most
        self._tasks: dict[str, LowestKeys] = {}

    def add(self, batch: Any) -> None:
        """Look through a record batch."""
        for task in batch["task"].unique().to_pylist():
            if task not in self._tasks and len(self._tasks) >= _MOST_TASKS:
                continue
            lowest = self._tasks.setdefault(task, LowestKeys(self._most))
            places = np.flatnonzero(equals(batch["task"], task))
            keys = batch["key"].take(pa.array(places))
            for index in lowest.candidates(keys):
                key = keys[index].as_py()
                if lowest.accepts(key):
                    place = int(places[index])
                    lowest.offer(key, batch.slice(place, 1).to_pylist()[0])

    def rows(self) -> list[Row]:
        """The documents, task by task; where one task has few, the others have more."""
        lists = [list(self._tasks[task]) for task in sorted(self._tasks)]
        rounds = itertools.zip_longest(*(enumerate(some) for some in lists))
        turns = [one for some in rounds for one in enumerate(some) if one[1] is not None]
        chosen = sorted(
            (which, place, number) for number, (which, (place, _)) in enumerate(turns[: self._most])
        )
        return [lists[which][place] for which, place, _ in chosen]


@dataclass(slots=True, kw_only=True)
class Cells:
    """Codes of a picture that were cut out, by their number in it."""

    span: int
    start: int
    stop: int


@dataclass(slots=True, kw_only=True)
class Grid:
    """A picture's codes in rows: how many in each, and the paths to draw in a square of as many.

    Attributes:
        lines: between codes.
        cut: span, the outline of its codes, and where its number stands.
        cover: all but the codes of the spans.

    """

    side: int
    lines: str
    cut: list[tuple[int, str, float, float]]
    cover: str


@dataclass(slots=True, kw_only=True)
class Piece:
    """What a page shows of a segment, or of a picture that spans were cut out of.

    Attributes:
        kind: text, image, mark or sentinel.
        column: of the catalog, or a picture as the template calls it; empty for its own words.
        weight: in the loss, as it is written; empty for 1.
        span: number of the span that it stands for, or is of; -1 for none.
        missing: of a sentinel of a text: what stood there.
        codes: of a picture: how many.
        cells: of a picture: those that were cut out.
        told: whether it is told behind the document.
        tags: sentinels that stand in the picture.

    """

    kind: str
    text: str = ""
    column: str = ""
    asset_id: str = ""
    uri: str = ""
    weight: str = ""
    span: int = -1
    missing: str = ""
    codes: int = 0
    cells: list[Cells] = field(default_factory=list)
    told: bool = False
    tags: "list[Piece]" = field(default_factory=list)

    @property
    def grid(self) -> Grid | None:
        """How its codes lie in it; None where they do not make a square."""
        side = math.isqrt(self.codes)
        if not side or side * side != self.codes:
            return None
        cut = [
            (one.span, _outline(one.start, one.stop, side), *_middle(one.start, side))
            for one in self.cells
        ]
        whole = f"M0 0h{side}v{side}h-{side}z"
        lines = "".join(f"M{at} 0v{side}M0 {at}h{side}" for at in range(1, side))
        return Grid(side=side, lines=lines, cut=cut, cover=whole + "".join(p for _, p, *_ in cut))


@dataclass(slots=True, kw_only=True)
class Group:
    """A document within a document, or what is told behind it.

    Attributes:
        kind: retrieved, main or told.
        name: asset id of what it is about.
        weight: in the loss, of all that is said and shown in it; empty for 1 and where they differ.

    """

    kind: str
    name: str
    weight: str = ""
    licenses: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class ShownDocument:
    """A document as a page shows it."""

    row: Row
    groups: list[Group]
    choices: list[tuple[str, str]]


def show_document(row: Row) -> ShownDocument:
    """Take a row of the table apart."""
    segments = row["segments"]
    infill = next(
        (at for at, one in enumerate(segments) if one["kind"] == "sentinel" and one["span"] < 0),
        len(segments),
    )
    before, behind = segments[:infill], segments[infill:]
    cut: dict[int, list[Row]] = {}
    for one in behind:
        if one["span"] >= 0 and one["kind"] != "sentinel":
            cut.setdefault(one["span"], []).append(one)
    groups = []
    # Where the pieces of a picture have to be counted together: by the span cut out of it.
    whole: dict[int, Piece] = {}
    for kind, name, some in _groups(row, before):
        group = Group(kind=kind, name=name)
        _describe(group, [*some, *_missing(some, cut)])
        for piece in _pieces(row, some, cut):
            group.pieces.append(piece)
            whole |= {one.span: piece for one in piece.cells}
        _tell_weight_once(group)
        groups.append(group)
    if behind:
        told = Group(kind="told", name="")
        for one in behind:
            piece = _piece(row, one)
            piece.told = True
            if one["kind"] == "image" and one["span"] in whole:
                piece.codes = whole[one["span"]].codes
                piece.cells = [
                    cells for cells in whole[one["span"]].cells if cells.span == one["span"]
                ]
            told.pieces.append(piece)
        groups.append(told)
    return ShownDocument(row=row, groups=groups, choices=_choices(row["choices"]))


def uris_of(documents: Iterable[ShownDocument]) -> list[str]:
    """The addresses of their pictures, each once."""
    pieces = (one for shown in documents for group in shown.groups for one in group.pieces)
    return list(dict.fromkeys(one.uri for one in pieces if one.uri))


def _groups(row: Row, segments: Sequence[Row]) -> Iterator[tuple[str, str, list[Row]]]:
    """The retrieved documents and the main one.

    A retrieved document is over with the mark that ends the whole one. Where a vocabulary has no
    such mark, the retrieved documents are shown together.
    """
    names: list[str] = row["retrieved_ids"]
    last = row["segments"][-1]
    ends = [
        at
        for at, one in enumerate(segments)
        if one["kind"] == "mark" and one["retrieved"] and one["text"] == last["text"]
    ]
    if last["kind"] != "mark" or len(ends) != len(names):
        ends = [max((at for at, one in enumerate(segments) if one["retrieved"]), default=-1)]
        names = [", ".join(names)] if names else []
        ends = ends[: len(names)]
    start = 0
    for name, end in zip(names, ends, strict=True):
        yield "retrieved", name, list(segments[start : end + 1])
        start = end + 1
    yield "main", row["asset_id"], list(segments[start:])


def _pieces(row: Row, segments: Sequence[Row], cut: dict[int, list[Row]]) -> Iterator[Piece]:
    picture: Piece | None = None
    for one in segments:
        gone = cut.get(one["span"], []) if one["kind"] == "sentinel" else []
        shown = one if one["kind"] == "image" else next(iter(gone), one)
        if shown["kind"] != "image":
            if picture is not None:
                yield picture
                picture = None
            piece = _piece(row, one)
            piece.missing = "".join(other["text"] for other in gone)
            yield piece
            continue
        if picture is None:
            picture = _piece(row, shown)
            picture.codes, picture.span, picture.weight = 0, -1, ""
        if one is shown:
            picture.codes += one["end"] - one["start"]
            picture.weight = _weight(row, one)
            continue
        picture.tags.append(_piece(row, one))
        for other in gone:
            size = other["end"] - other["start"]
            picture.codes += size
            picture.cells.append(
                Cells(
                    span=one["span"],
                    start=other["field_start"],
                    stop=other["field_start"] + size,
                )
            )
    if picture is not None:
        yield picture


def _piece(row: Row, segment: Row) -> Piece:
    return Piece(
        kind=segment["kind"],
        text=segment["text"],
        column=segment["field"],
        asset_id=segment["asset_id"],
        uri=segment["uri"],
        weight=_weight(row, segment),
        span=segment["span"],
        codes=segment["end"] - segment["start"],
    )


def _missing(segments: Sequence[Row], cut: dict[int, list[Row]]) -> Iterator[Row]:
    for one in segments:
        if one["kind"] == "sentinel":
            yield from cut.get(one["span"], [])


def _describe(group: Group, segments: Sequence[Row]) -> None:
    named = [one for one in segments if one["asset_id"]]
    group.licenses = list(dict.fromkeys(one["license"] for one in named))
    group.sources = list(dict.fromkeys(one["source"] for one in named if one["source"]))


def _tell_weight_once(group: Group) -> None:
    """Where all pieces have the same weight, let the group have it instead."""
    weighed = [one for one in group.pieces if one.kind in ("text", "image")]
    weights = {one.weight for one in weighed}
    if len(weights) == 1:
        group.weight = weights.pop()
        for piece in group.pieces:
            if piece.weight == group.weight:
                piece.weight = ""


def _weight(row: Row, segment: Row) -> str:
    weights = row["loss_weights"][segment["start"] : segment["end"]]
    low, high = min(weights, default=1.0), max(weights, default=1.0)
    if low == high:
        return "" if low == 1 else f"{low:.3g}"
    return f"{low:.3g} to {high:.3g}"


def _choices(text: str) -> list[tuple[str, str]]:
    drawn = json.loads(text)
    return [(str(name), json.dumps(value, ensure_ascii=False)) for name, value in drawn.items()]


def _outline(start: int, stop: int, side: int) -> str:
    """A path around the codes from ``start`` to before ``stop``, as they lie in rows."""
    (top, left), (bottom, right) = divmod(start, side), divmod(stop - 1, side)
    right += 1
    if top == bottom:
        return f"M{left} {top}H{right}V{top + 1}H{left}z"
    if top + 1 == bottom and right <= left:
        first = f"M{left} {top}H{side}V{bottom}H{left}z"
        return f"{first}M0 {bottom}H{right}V{bottom + 1}H0z"
    return f"M{left} {top}H{side}V{bottom}H{right}V{bottom + 1}H0V{top + 1}H{left}z"


def _middle(cell: int, side: int) -> tuple[float, float]:
    row, column = divmod(cell, side)
    return column + 0.5, row + 0.5
