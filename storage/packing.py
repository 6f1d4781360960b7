"""Packing documents into sequences of a context length: best fit, the longest first."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a document lies.

    Attributes:
        sequence: number of its sequence.
        start: its first token there.

    """

    sequence: int
    start: int


def pack(lengths: Sequence[int], context: int) -> list[Place]:
    """Find a place for each document.

    The longest come first, and each goes where it leaves the least room, or begins a sequence.

    Args:
        lengths: tokens of each document, at least one and at most ``context``.
        context: tokens of a sequence at most.

    """
    places: dict[int, Place] = {}
    # Sequences that have room, by how much.
    rooms: list[tuple[int, int]] = []
    count = 0
    for document in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        length = lengths[document]
        at = bisect.bisect_left(rooms, (length, -1))
        if at < len(rooms):
            room, sequence = rooms.pop(at)
        else:
            room, sequence = context, count
            count += 1
        places[document] = Place(sequence=sequence, start=context - room)
        if room > length:
            bisect.insort(rooms, (room - length, sequence))
    return [places[document] for document in range(len(lengths))]
