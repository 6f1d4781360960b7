"""What a run's rows are like: figures of one pass, which are kept for the runs to come.

Nothing in them depends on how many rows there are: of nights of different sizes they are alike.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from reports.nightly.texts import has_loop, is_refusal, language_of, script_of, words_of
from schemas.manifest import RunManifest
from storage.layout import WATCH
from storage.store import Store

ROWS_AT_MOST = 100_000
"""Rows of a run that are read; of a larger one, whole files from all over it."""

_VERSION = 1
_ROWS_AT_ONCE = 2048
_ROWS_PER_BLOCK = 200
_WORDS_PER_BLOCK = 1000
_MOST_TEXTS = 200_000
_MOST_VALUES = 50
_LONGEST_VALUE = 80
_TEXT_TABLES = ("captions", "answers")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatistics:
    """Figures of a run's rows.

    Attributes:
        version: of the figures' definition.
        tried: rows that were done or failed.
        read: rows of which the figures are.
        shares: (how many, of how many) by name.
        means: (mean, standard deviation, of how many) by name.
        slices: how many of the rows that were read have each value, by what they are sliced by.
        seconds: that the run took, loading its model left out.

    """

    version: int
    run_id: str
    job: str
    tried: int
    read: int
    seconds: float
    shares: Mapping[str, tuple[int, int]]
    means: Mapping[str, tuple[float, float, int]]
    slices: Mapping[str, Mapping[str, int]]


def statistics_path(run_id: str) -> str:
    """Where a run's figures are kept."""
    return f"{WATCH}/{run_id}.json"


def read_statistics(store: Store, run_id: str) -> RunStatistics | None:
    """The figures that were kept of a run; None without any of this version."""
    try:
        fields: dict[str, Any] = json.loads(store.get(statistics_path(run_id)))
    except FileNotFoundError:
        return None
    if fields.get("version") != _VERSION:
        return None
    fields["shares"] = {name: tuple(some) for name, some in fields["shares"].items()}
    fields["means"] = {name: tuple(some) for name, some in fields["means"].items()}
    return RunStatistics(**fields)


def keep_statistics(store: Store, statistics: RunStatistics) -> None:
    """Keep a run's figures."""
    store.put(statistics_path(statistics.run_id), json.dumps(asdict(statistics)).encode())


def measure_run(store: Store, manifest: RunManifest) -> RunStatistics:
    """Read a run's rows once and take their figures. Memory does not grow with the rows."""
    counts = manifest.counts
    tried = counts.rows_out + counts.failed
    shares = {"failed": (counts.failed, tried)}
    for kind, count in manifest.failures_by_kind.items():
        shares[f"failed: {kind}"] = (count, tried)
    tally = _Tally(texts=manifest.table in _TEXT_TABLES)
    for columns in _read(store, manifest):
        tally.add(columns)
    loads = max(sum(manifest.model_loads.values()), 1)
    seconds = manifest.finished - manifest.started - manifest.load_seconds / loads
    return RunStatistics(
        version=_VERSION,
        run_id=manifest.run_id,
        job=manifest.job,
        tried=tried,
        read=tally.rows,
        seconds=max(seconds, 1e-3),
        shares=shares | tally.shares(),
        means=tally.means(),
        slices=tally.slices(),
    )


def _read(store: Store, manifest: RunManifest) -> Iterator[dict[str, list[Any]]]:
    """Some columns of the run's rows, a few thousand at a time."""
    paths = [path for path in manifest.files if path.startswith(f"{manifest.table}/")]
    for path in _some(paths, manifest.counts.rows_out):
        with store.open(path) as file:
            opened = pq.ParquetFile(file)
            there = set(opened.schema_arrow.names)
            wanted = ["uri", "attributes"]
            if manifest.table in _TEXT_TABLES:
                wanted += ["text", "mean_logprob", "token_count", "finish_reason"]
            columns = [name for name in wanted if name in there]
            for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
                yield {name: batch[name].to_pylist() for name in columns}


def _some(paths: Sequence[str], rows: int) -> Sequence[str]:
    """The files to read: all, or so many, evenly spread, that they hold about enough rows."""
    wanted = max(1, len(paths) * ROWS_AT_MOST // max(rows, 1))
    if wanted >= len(paths):
        return paths
    return [paths[at * len(paths) // wanted] for at in range(wanted)]


@dataclass(slots=True)
class _Moments:
    """Count, sum and sum of squares of numbers."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.squares += value * value

    def result(self) -> tuple[float, float, int]:
        mean = self.total / self.count
        variance = max(self.squares / self.count - mean * mean, 0.0)
        return mean, float(np.sqrt(variance * self.count / max(self.count - 1, 1))), self.count


@dataclass(slots=True)
class _Tally:
    """Counts over rows as they come."""

    texts: bool
    rows: int = 0
    _counts: Counter[str] = field(default_factory=Counter)
    _moments: dict[str, _Moments] = field(default_factory=dict)
    _slices: dict[str, Counter[str] | None] = field(default_factory=dict)
    _block: set[int] = field(default_factory=set)
    _in_block: int = 0
    _repeated: int = 0
    _blocks: int = 0
    _vocabulary: set[str] = field(default_factory=set)
    _words: int = 0
    _frequent: Counter[int] = field(default_factory=Counter)

    def add(self, columns: Mapping[str, list[Any]]) -> None:
        """Count some rows."""
        rows = len(next(iter(columns.values()), []))
        self.rows += rows
        for uri in columns.get("uri", ()):
            self._slice("folder", uri.rpartition("/")[0].rpartition("/")[2])
        for text in columns.get("attributes", ()):
            for name, value in _attributes(text):
                self._slice(name, value)
        if not self.texts:
            return
        for text in columns["text"]:
            self._count_text(text)
        for name, column in (("confidence", "mean_logprob"), ("tokens", "token_count")):
            moments = self._moments.setdefault(name, _Moments())
            for value in columns.get(column, ()):
                if value is not None and np.isfinite(value):
                    moments.add(value)
        self._counts["cut"] += sum(one == "length" for one in columns.get("finish_reason", ()))

    def shares(self) -> dict[str, tuple[int, int]]:
        """The shares of the rows."""
        if not self.texts or not self.rows:
            return {}
        names = {"loops", "refusals", "cut"} | set(self._counts)
        shares = {name: (self._counts[name], self.rows) for name in sorted(names)}
        top = self._frequent.most_common(1)[0][1]
        shares["most common text"] = (top, self.rows)
        if self._blocks:
            shares["repeated"] = (self._repeated, self._blocks * _ROWS_PER_BLOCK)
        return shares

    def means(self) -> dict[str, tuple[float, float, int]]:
        """The means of the rows' numbers."""
        return {name: some.result() for name, some in self._moments.items() if some.count}

    def slices(self) -> dict[str, dict[str, int]]:
        """The rows by slice; not by what has too many values to be one."""
        return {name: dict(counts) for name, counts in self._slices.items() if counts}

    def _slice(self, name: str, value: str) -> None:
        counts = self._slices.setdefault(name, Counter())
        if counts is None:
            return
        counts[value[:_LONGEST_VALUE]] += 1
        if len(counts) > _MOST_VALUES:
            self._slices[name] = None

    def _count_text(self, text: str) -> None:
        script = script_of(text)
        words = words_of(text, script)
        self._counts["loops"] += has_loop(words)
        self._counts["refusals"] += is_refusal(text)
        self._counts[f"language: {language_of(words)}"] += 1
        self._counts[f"script: {script}"] += 1
        self._moments.setdefault("words", _Moments()).add(len(words))
        name = hash(text)
        if name in self._frequent or len(self._frequent) < _MOST_TEXTS:
            self._frequent[name] += 1
        self._repeat(name)
        for word in words:
            self._vocabulary.add(word)
            self._words += 1
            if self._words == _WORDS_PER_BLOCK:
                self._moments.setdefault("vocabulary", _Moments()).add(len(self._vocabulary))
                self._vocabulary, self._words = set(), 0

    def _repeat(self, name: int) -> None:
        """Count what repeats a text of the same block: a block that is not full says nothing."""
        self._block.add(name)
        self._in_block += 1
        if self._in_block == _ROWS_PER_BLOCK:
            self._repeated += _ROWS_PER_BLOCK - len(self._block)
            self._blocks += 1
            self._block, self._in_block = set(), 0


def _attributes(text: str) -> Iterator[tuple[str, str]]:
    """The catalog's other columns that hold a plain value."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return
    if isinstance(found, dict):
        for name, value in found.items():
            if isinstance(value, str | int | bool):
                yield name, str(value)
