"""The n-grams of candidates and references, counted for a block of rows at once.

An n-gram is known by 64 bits: a hash of its tokens whose lowest two bits are n - 1. Of a hundred
million different ones two are the same with a probability of about one in five hundred, and then
one frequency is wrong by one count.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORDERS = 4
"""N-grams of one to four tokens, as BLEU and CIDEr count them."""

Hashes = NDArray[np.uint64]
Integers = NDArray[np.int64]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_ORDER_BITS = np.uint64(3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NgramBlock:
    """The n-grams of some rows: of each a candidate and its references.

    Sentences are numbered row by row, the candidate before the references. Entries, one for each
    different n-gram of a sentence, are sorted by row, n-gram and sentence; a group is the entries
    of one n-gram in one row.

    Attributes:
        starts: number of each row's first sentence, which is its candidate; shape (rows,).
        rows: row of each sentence.
        lengths: tokens of each sentence.
        hashes: the different n-grams, ascending.
        orders: n - 1 of each of ``hashes``.
        sentence, ngram, count: of each entry: its sentence, an index into ``hashes``, and how often
            the one holds the other.
        group_starts: number of each group's first entry.
        group: of each entry.

    """

    starts: Integers
    rows: Integers
    lengths: Integers
    hashes: Hashes
    orders: Integers
    sentence: Integers
    ngram: Integers
    count: Integers
    group_starts: Integers
    group: Integers

    @property
    def row_count(self) -> int:
        """Rows of the block."""
        return len(self.starts)

    @property
    def is_candidate(self) -> NDArray[np.bool_]:
        """Whether an entry is of a row's candidate."""
        flags: NDArray[np.bool_] = self.starts[self.rows[self.sentence]] == self.sentence
        return flags


class NgramCounter:
    """Counts n-grams of blocks, and remembers the hashes of the tokens it met.

    Args:
        remembered: tokens at most; then all are forgotten, so that memory stays bounded.

    """

    def __init__(self, remembered: int = 1 << 20) -> None:
        self._hashes = _TokenHashes()
        self._remembered = remembered

    def count(self, candidates: Sequence[str], references: Sequence[Sequence[str]]) -> NgramBlock:
        """Count the n-grams of a block.

        Args:
            candidates: a tokenized text for each row, its tokens parted by blanks.
            references: one or more such texts for each row.

        """
        tokens: list[str] = []
        lengths: list[int] = []
        for candidate, row_references in zip(candidates, references, strict=True):
            for text in (candidate, *row_references):
                words = text.split()
                tokens += words
                lengths.append(len(words))
        if len(self._hashes) > self._remembered:
            self._hashes.clear()
        hashed = np.fromiter(map(self._hashes.__getitem__, tokens), np.uint64, len(tokens))
        sizes = np.fromiter((1 + len(some) for some in references), np.int64, len(references))
        return _count(hashed, np.array(lengths, np.int64), sizes)


class _TokenHashes(dict[str, int]):
    """64 bits for each token."""

    def __missing__(self, token: str) -> int:
        digest = hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        value = self[token] = int.from_bytes(digest, "little")
        return value


def _count(tokens: Hashes, lengths: Integers, sizes: Integers) -> NgramBlock:
    """Count.

    Args:
        tokens: hashes of all tokens, sentence by sentence.
        lengths: tokens of each sentence.
        sizes: sentences of each row.

    """
    ends = np.cumsum(lengths)
    of_sentence = np.repeat(np.arange(len(lengths)), lengths)
    left = ends[of_sentence] - np.arange(len(tokens))
    hashes, sentences = [], []
    running = tokens
    for order in range(ORDERS):
        places = np.flatnonzero(left > order)
        if order:
            # From the hash of the n-gram that is shorter by its last token.
            running = running[: len(tokens) - order] * _MULTIPLIER + tokens[order:]
            running ^= running >> np.uint64(29)
        hashes.append(running[places] & ~_ORDER_BITS | np.uint64(order))
        sentences.append(of_sentence[places])
    found, inverse = np.unique(np.concatenate(hashes), return_inverse=True)
    starts = np.cumsum(sizes) - sizes
    rows = np.repeat(np.arange(len(sizes)), sizes)
    sentence = np.concatenate(sentences)
    within = sentence - starts[rows[sentence]]
    # Row, n-gram and sentence in one number: sorting it sorts by all three.
    sentence_bits = int(sizes.max(initial=1)).bit_length()
    ngram_bits = len(found).bit_length()
    packed = (rows[sentence] << (ngram_bits + sentence_bits)) | (inverse << sentence_bits) | within
    packed.sort()
    first = np.flatnonzero(np.diff(packed, prepend=-1))
    entries = packed[first]
    groups = entries >> sentence_bits
    group_starts = np.flatnonzero(np.diff(groups, prepend=-1))
    group_sizes = np.diff(group_starts, append=len(entries))
    return NgramBlock(
        starts=starts,
        rows=rows,
        lengths=lengths,
        hashes=found,
        orders=(found & _ORDER_BITS).astype(np.int64),
        sentence=starts[groups >> ngram_bits] + (entries & ((1 << sentence_bits) - 1)),
        ngram=groups & ((1 << ngram_bits) - 1),
        count=np.diff(first, append=len(packed)),
        group_starts=group_starts,
        group=np.repeat(np.arange(len(group_starts)), group_sizes),
    )
