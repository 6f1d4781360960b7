"""Texts that repeat training texts: the longest span of words that both have.

Three passes: the training texts' spans of N words are hashed into a set on disk; each audited text
whose spans are in it is held by hash, and of those that have the most spans in a row the words are
compared with the training texts', which are read once more.
"""

import heapq
import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from reports.audit.spans import Hashes, SpanSet, Words, hash_spans
from reports.nightly.texts import script_of, words_of
from schemas.errors import CatalogError
from storage.catalog.columns import plain_text
from storage.record_files import read_records

MOST_COMPARED = 10_000
"""Different texts whose words are compared: those that have the most spans in a row."""

MOST_SHOWN = 50

_TEXTS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Words that a text and a training text share.

    Attributes:
        asset_id: a row whose longest span it is; ``rows``: of the compared, how many there are.
        words: how many are shared, one after the other; ``text``: those.
        of_words: how many that row's text has.
        training_text: one that has them.

    """

    asset_id: str
    rows: int
    words: int
    text: str
    of_words: int
    training_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memorised:
    """What was found.

    Attributes:
        uri: of the training texts; ``training_texts``: how many there are.
        least: words of the shortest span that counts.
        rows: audited rows; ``short``: those that have fewer words.
        found: rows with such a span; ``compared``: those of them whose words were compared, and
            not only hashes.
        whole: of the compared, rows of which every word is in the span.
        longest: the longest spans.

    """

    uri: str
    training_texts: int
    least: int
    rows: int
    short: int
    found: int
    compared: int
    whole: int
    longest: tuple[Span, ...]


@dataclass(slots=True, eq=False)
class _Candidate:
    """A text whose spans are in the set; ``bound``: words that a shared span can have at most."""

    asset_id: str
    words: Words
    bound: int
    rows: int = 1
    best: int = 0
    begins: int = 0
    training_text: str = ""


@dataclass(slots=True)
class MemorisedFinder:
    """Finds texts that repeat training texts; a context manager.

    Memory does not grow with either: 64 MB of hashes at a time, and ``MOST_COMPARED`` texts.

    Args:
        uri: Parquet, CSV or JSON lines with a column ``text``.
        least: words of the shortest span that counts.

    Raises:
        CatalogError: the training texts cannot be read, or there are none.

    """

    uri: str
    least: int
    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)
    _set: SpanSet = field(init=False)
    _training: int = 0
    _rows: int = 0
    _short: int = 0
    _found: int = 0
    _heap: list[tuple[int, int, _Candidate]] = field(default_factory=list)
    _by_words: dict[Words, _Candidate] = field(default_factory=dict)
    _order: Iterator[int] = field(default_factory=itertools.count)

    def __enter__(self) -> Self:
        try:
            self._read_training()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def add(self, ids: Sequence[str], texts: Sequence[Words]) -> None:
        """Look at some rows."""
        self._rows += len(texts)
        self._short += sum(len(words) < self.least for words in texts)
        hashes, which, _ = hash_spans(texts, self.least)
        there = self._set.holds(hashes)
        if not there.any():
            return
        # The most spans in a row of each text.
        longest: dict[int, int] = defaultdict(int)
        row = 0
        last = -1
        for text, held in zip(which.tolist(), there.tolist(), strict=True):
            row = row + 1 if held and text == last else int(held)
            last = text
            if row:
                longest[text] = max(longest[text], row)
        self._found += len(longest)
        for text, spans in longest.items():
            self._keep(ids[text], tuple(texts[text]), spans + self.least - 1)

    def finish(self) -> Memorised:
        """Compare the words of what was found with the training texts'."""
        candidates = [candidate for _, _, candidate in self._heap]
        self._compare(candidates)
        sure = [one for one in candidates if one.best >= self.least]
        sure.sort(key=lambda one: (-one.best, one.asset_id))
        mistaken = sum(one.rows for one in candidates) - sum(one.rows for one in sure)
        return Memorised(
            uri=self.uri,
            training_texts=self._training,
            least=self.least,
            rows=self._rows,
            short=self._short,
            found=self._found - mistaken,
            compared=sum(one.rows for one in sure),
            whole=sum(one.rows for one in sure if one.best == len(one.words)),
            longest=tuple(_spans(sure))[:MOST_SHOWN],
        )

    def _read_training(self) -> None:
        self._set = SpanSet(Path(self._folder.name))
        for texts in self._training_texts():
            self._training += len(texts)
            self._set.add(hash_spans([words for words, _ in texts], self.least)[0])
        self._set.close()
        if not self._training:
            raise CatalogError(f"{self.uri} holds no texts.")

    def _training_texts(self) -> Iterator[list[tuple[Words, str]]]:
        """The words of the training texts, and the texts, so many at a time."""
        records = read_records(self.uri, "a file of texts", needed=("text",), wanted=("text",))
        texts = (plain_text(record.get("text")) for record in records)
        while some := list(itertools.islice(texts, _TEXTS_AT_ONCE)):
            yield [(words_of(text, script_of(text)), text) for text in some]

    def _keep(self, asset_id: str, words: Words, bound: int) -> None:
        known = self._by_words.get(words)
        if known is not None:
            known.rows += 1
            return
        item = (bound, -next(self._order), _Candidate(asset_id, words, bound))
        if len(self._heap) < MOST_COMPARED:
            heapq.heappush(self._heap, item)
        else:
            _, _, gone = heapq.heappushpop(self._heap, item)
            if gone is item[2]:
                return
            del self._by_words[gone.words]
        self._by_words[words] = item[2]

    def _compare(self, candidates: Sequence[_Candidate]) -> None:
        if not candidates:
            return
        texts = [one.words for one in candidates]
        hashes, which, begins = hash_spans(texts, self.least)
        places: dict[int, list[tuple[_Candidate, int]]] = defaultdict(list)
        for value, text, begin in zip(
            hashes.tolist(), which.tolist(), begins.tolist(), strict=True
        ):
            places[value].append((candidates[text], begin))
        asked: Hashes = np.unique(hashes)
        for training in self._training_texts():
            once: dict[Words, str] = {}
            for words, text in training:  # the same words again can add nothing
                once.setdefault(tuple(words), text)
            unlike = list(once.items())
            found, of_text, at = hash_spans([words for words, _ in unlike], self.least)
            near = np.minimum(np.searchsorted(asked, found), len(asked) - 1)
            for hit in np.flatnonzero(asked[near] == found).tolist():
                words, text = unlike[of_text[hit]]
                for candidate, begin in places[int(found[hit])]:
                    if candidate.best < candidate.bound:
                        _extend(candidate, begin, words, int(at[hit]), text)


def _spans(candidates: Sequence[_Candidate]) -> Iterator[Span]:
    """The spans of some texts, each once."""
    of_span: dict[Words, list[_Candidate]] = defaultdict(list)
    for one in candidates:
        of_span[one.words[one.begins : one.begins + one.best]].append(one)
    for words, some in of_span.items():
        yield Span(
            asset_id=some[0].asset_id,
            rows=sum(one.rows for one in some),
            words=len(words),
            text=" ".join(words),
            of_words=len(some[0].words),
            training_text=some[0].training_text,
        )


def _extend(candidate: _Candidate, begin: int, words: Words, at: int, text: str) -> None:
    """Count the words that two texts share from two places on."""
    own = candidate.words
    if begin and at and own[begin - 1] == words[at - 1]:
        return  # It was counted from the word before.
    length = 0
    for one, other in zip(own[begin:], words[at:], strict=False):
        if one != other:
            break
        length += 1
    if length > candidate.best:
        candidate.best, candidate.begins, candidate.training_text = length, begin, text
