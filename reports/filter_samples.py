"""Rows that show what a filter did: a few of each rule, and those nearest to the threshold."""

import heapq
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reports.reading import clip
from reports.sampling import LowestKeys
from schemas.verdict import Rule
from storage.embeddings import open_part
from storage.latest import read_history
from storage.store import Store
from storage.verdict_columns import has_rule, key_words, rule_bits
from storage.verdict_record import VerdictRecord, superseded_keys

SHOWN = 12
"""Rows of each rule."""

KEPT = "kept"
"""Under which the kept rows are that are nearest to the threshold."""

_SCORE = Rule.MIN_CLIP_SCORE.value
_ROWS_AT_ONCE = 4096
# Rules that were taken back and given again have judged a row twice, under one key.
_OFFERED = 2 * SHOWN

Row = Mapping[str, Any]


class _Nearest:
    """Keeps the rows with the largest values."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Row]] = []
        self._offered = 0

    def offer(self, values: NDArray[np.float64], batch: pa.RecordBatch) -> None:
        """Offer a batch's rows, of which those without a value are no candidates."""
        for index in np.argsort(-values)[:_OFFERED].tolist():
            value = float(values[index])
            if np.isnan(value):
                return
            if len(self._heap) == _OFFERED and value <= self._heap[0][0]:
                return
            self._offered += 1
            push = heapq.heappush if len(self._heap) < _OFFERED else heapq.heappushpop
            push(self._heap, (value, self._offered, _row(batch, index)))

    def rows(self) -> list[Row]:
        """The rows, those with the largest values first."""
        return [row for *_, row in sorted(self._heap, key=lambda item: (-item[0], item[1]))]


def read_samples(store: Store, record: VerdictRecord) -> dict[str, list[Row]]:
    """Read the table once: rows to show by rule, the rule that left out most first.

    Of a score that is too low it is the rows nearest below the threshold, and under ``kept`` those
    nearest above it; of any other rule a uniform sample. Only newest verdicts are taken.
    """
    superseded = superseded_keys(store, record)
    samples = {name: LowestKeys(_OFFERED) for name in record.broken if name != _SCORE}
    below, above, unscored = _Nearest(), _Nearest(), LowestKeys(_OFFERED)
    for path in read_history(store).replacements.resolve(record.files):
        for batch in open_part(store.uri, path).iter_batches(batch_size=_ROWS_AT_ONCE):
            words = key_words(batch["key"])
            fresh = ~superseded.contains(words[:, 0], words[:, 1])
            bits = rule_bits(batch["reasons"])
            for name, sample in samples.items():
                _sample(sample, batch, has_rule(bits, name) & fresh)
            scores = batch["clip_score"].to_numpy(zero_copy_only=False).astype(np.float64)
            low = has_rule(bits, _SCORE) & fresh
            below.offer(np.where(low, scores, np.nan), batch)
            above.offer(np.where((bits == 0) & fresh, -scores, np.nan), batch)
            _sample(unscored, batch, low & np.isnan(scores))
    found = {
        name: _once([*below.rows(), *unscored] if name == _SCORE else list(samples[name]))
        for name, _ in sorted(record.broken.items(), key=lambda item: -item[1])
    }
    nearest = _once(above.rows())
    return {**found, KEPT: nearest} if nearest else found


def _sample(sample: LowestKeys, batch: pa.RecordBatch, wanted: NDArray[np.bool_]) -> None:
    for index in sample.candidates(batch["key"]):
        if not wanted[index]:
            continue
        key = batch["key"][index].as_py()
        if sample.accepts(key):
            sample.offer(key, dict(_row(batch, index)))


def _row(batch: pa.RecordBatch, index: int) -> Row:
    row = {name: batch[name][index].as_py() for name in batch.schema.names}
    return {**row, "text": clip(row["text"])}


def _once(rows: list[Any]) -> list[Row]:
    return list({row["key"]: row for row in rows}.values())[:SHOWN]
