"""First-fit-decreasing bin packing, by the book: how many bins it needs."""

from collections.abc import Sequence


def first_fit_decreasing(lengths: Sequence[int], context: int) -> int:
    """Put each item, the longest first, into the first bin that has room for it."""
    rooms: list[int] = []
    for length in sorted(lengths, reverse=True):
        for at, room in enumerate(rooms):
            if room >= length:
                rooms[at] -= length
                break
        else:
            rooms.append(context - length)
    return len(rooms)
