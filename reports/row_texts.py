"""Rows as the JSON texts that a page holds, within so many bytes."""

from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from operator import itemgetter

from reports.reading import SHA256, Row
from reports.rendering import embeddable_json

# So many of each kind lead the list. There are 19 kinds: all are on its first page of 60.
_FIRST_OF_A_KIND = 3


def row_texts(rows: Iterable[Row], most_bytes: int) -> list[str]:
    """Turn rows into JSON until they are ``most_bytes`` together."""
    texts = []
    total = 0
    for row in rows:
        text = embeddable_json(
            {
                name: value
                for name, value in row.items()
                if name != SHA256 and value not in ("", [], None)
            }
        )
        total += len(text.encode())
        if total > most_bytes:
            break
        texts.append(text)
    return texts


def failure_texts(failures: Sequence[Row], most_bytes: int) -> list[str]:
    """Turn failures into JSON, some of each kind first, each kind within its share of the bytes."""
    kinds = [list(some) for _, some in groupby(failures, key=itemgetter("kind"))]
    texts = [row_texts(some, most_bytes // len(kinds)) for some in kinds]
    some = chain.from_iterable(of_a_kind[:_FIRST_OF_A_KIND] for of_a_kind in texts)
    rest = chain.from_iterable(of_a_kind[_FIRST_OF_A_KIND:] for of_a_kind in texts)
    return [*some, *rest]


def size_of(texts: Iterable[str]) -> int:
    """Bytes of texts in UTF-8."""
    return sum(len(text.encode()) for text in texts)
