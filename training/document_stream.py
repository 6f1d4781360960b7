"""Documents as a stream of packed sequences, in an order that a place in it says all about."""

import hashlib
import json
from collections.abc import Generator, Iterator
from collections.abc import Sequence as Several
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from schemas.errors import UsageError
from storage.documents import DocumentGroup
from storage.sequences import Sequence, Sequences, read_sequences
from storage.shared_beginnings import share_beginnings
from training.document_batches import collate
from training.objective import Batch
from training.stream import Loaded, Position, read_ahead


class Place(NamedTuple):
    """Where in a set of documents: so many sequences of a chunk of an epoch are behind it."""

    epoch: int = 0
    chunk: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSet:
    """Documents that are shuffled together.

    Attributes:
        groups: their row groups.
        weight: how often a sequence is taken from here, where there are several sets.

    """

    groups: Several[DocumentGroup]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """How documents are read.

    Attributes:
        batch_size: sequences of a batch.
        seed: of the order.
        vocabulary: token ids are below this; ``longest``: tokens of a document at most.
        attend_across: see :func:`training.document_batches.collate`.
        share_beginnings: whether documents that begin with the same picture are laid out anew, so
            that it is there once: see :mod:`storage.shared_beginnings`.
        buffer: documents that are shuffled together at least: a chunk.
        workers: threads that read chunks ahead.
        process: the number of this process among ``processes``.

    """

    batch_size: int
    seed: int
    vocabulary: int
    longest: int
    attend_across: bool = False
    share_beginnings: bool = False
    buffer: int = 4096
    workers: int = 2
    process: int = 0
    processes: int = 1


class DocumentStream:
    """Batches of packed sequences, epoch after epoch.

    In each epoch the row groups of a set are shuffled and cut into chunks of a number of documents,
    and a chunk's sequences are shuffled. Both follow from seed, set, epoch and chunk, so to go on
    anywhere, only the chunk that is there needs to be read. Each process takes its own of a
    chunk's sequences, as many as any other: less than one for each of them is left out, others in
    each epoch.

    Where there are several sets, the next sequence comes from the one that is furthest behind its
    weight; each begins its next epoch when it is through.
    """

    things = "tokens"

    def __init__(self, sets: Several[DocumentSet], settings: StreamSettings) -> None:
        self._sets = sets
        self._settings = settings
        total = sum(one.weight for one in sets)
        self._shares = [one.weight / total for one in sets]

    @property
    def identity(self) -> str:
        """Of the files' names and sizes, the shares, and what else the order depends on."""
        settings = self._settings
        content = [
            [
                [(group.path, group.number, group.rows) for group in one.groups]
                for one in self._sets
            ],
            self._shares,
            [settings.batch_size, settings.seed, settings.buffer, settings.share_beginnings],
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def batches(self, position: Position | None) -> Generator[Loaded]:
        """The batches behind a position."""
        places = (
            [Place(*one) for one in position["places"]] if position else [Place()] * len(self._sets)
        )
        taken = list(position["taken"]) if position else [0] * len(self._sets)
        walks = [self._walk(number, place) for number, place in enumerate(places)]
        try:
            while True:
                sequences = []
                for _ in range(self._settings.batch_size):
                    number = self._next_set(taken)
                    sequence, places[number] = next(walks[number])
                    taken[number] += 1
                    sequences.append(sequence)
                yield Loaded(
                    batch=collate(sequences, attend_across=self._settings.attend_across),
                    position={"places": [list(place) for place in places], "taken": list(taken)},
                    things=sum(map(len, sequences)),
                )
        finally:
            for walk in walks:
                walk.close()

    def once(self, most: int) -> Iterator[Batch]:
        """This process's share of the first sequences of the first epoch, in batches.

        Args:
            most: sequences of all processes together.

        """
        size = self._settings.batch_size
        sequences: list[Sequence] = []
        left = max(1, most // self._settings.processes)
        for number in range(len(self._sets)):
            walk = self._walk(number, Place())
            for sequence, place in walk:
                if place.epoch or not left:
                    break
                left -= 1
                sequences.append(sequence)
                if len(sequences) == size:
                    yield collate(sequences, attend_across=self._settings.attend_across)
                    sequences = []
            walk.close()
        if sequences:
            yield collate(sequences, attend_across=self._settings.attend_across)

    def _next_set(self, taken: Several[int]) -> int:
        total = sum(taken) + 1
        behind = [share * total - count for share, count in zip(self._shares, taken, strict=True)]
        return behind.index(max(behind))

    def _walk(self, number: int, place: Place) -> Generator[tuple[Sequence, Place]]:
        """The sequences of a set from a place on, each with the place behind it."""
        settings = self._settings
        offset = place.offset
        seen = False
        chunks = read_ahead(self._read, self._chunks(number, place), settings.workers)
        for at, groups in chunks:
            firsts = list(accumulate(map(len, groups), initial=0))
            count = firsts[-1] // settings.processes
            random = np.random.default_rng([settings.seed, number, at.epoch, at.chunk, 1])
            order = random.permutation(firsts[-1])[settings.process :: settings.processes]
            for behind, index in enumerate(order[offset:count], offset + 1):
                seen = True
                group = int(np.searchsorted(firsts, index, side="right")) - 1
                yield groups[group][index - firsts[group]], at._replace(offset=behind)
            offset = 0
            if at.epoch > place.epoch + 1 and not seen:
                raise UsageError(
                    "There are fewer sequences of documents than processes to train in: run fewer."
                )

    def _chunks(self, number: int, place: Place) -> Iterator[tuple[Place, list[DocumentGroup]]]:
        """The row groups of each chunk of a set, from a place on, without end."""
        groups = self._sets[number].groups
        epoch, first = place.epoch, place.chunk
        while True:
            random = np.random.default_rng([self._settings.seed, number, epoch])
            chunks = _cut(
                [groups[at] for at in random.permutation(len(groups))], self._settings.buffer
            )
            for chunk in range(first, len(chunks)):
                yield Place(epoch, chunk), chunks[chunk]
            epoch, first = epoch + 1, 0

    def _read(
        self, chunk: tuple[Place, list[DocumentGroup]]
    ) -> tuple[Place, list[Sequences | list[Sequence]]]:
        place, groups = chunk
        settings = self._settings
        read = [
            read_sequences(group, vocabulary=settings.vocabulary, longest=settings.longest)
            for group in groups
        ]
        if settings.share_beginnings:
            return place, [share_beginnings(sequences) for sequences in read]
        return place, list(read)


def _cut(groups: Several[DocumentGroup], buffer: int) -> list[list[DocumentGroup]]:
    """Cut row groups into chunks of so many documents at least, the last one apart."""
    chunks: list[list[DocumentGroup]] = []
    room = 0
    for group in groups:
        if room <= 0:
            chunks.append([])
            room = buffer
        chunks[-1].append(group)
        room -= group.rows
    return chunks
