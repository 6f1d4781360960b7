"""Reading the rows of an evaluation in one pass: figures of all, the extremes, and a sample."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reports.output_folder import OutputFolder
from reports.reading import Row, clip, clip_all, other_columns, read_batches
from reports.sampling import LowestKeys
from reports.value_counts import ValueCounts, countable, rounded
from schemas.arrow import arrow_schema
from schemas.manifest import RunManifest
from schemas.score import LOWER_IS_BETTER, RowScore
from storage.extremes import Extremes, key_numbers

MOST_EXAMPLES = 10_000
"""Rows in a page."""

EXTREMES = 50
"""Rows that are kept of either end of each score."""

_MOST_MODELS = 5


@dataclass(slots=True)
class ScoredRows:
    """What one pass over an evaluation's rows gave.

    Attributes:
        rows: of the table.
        counts: of each score's values, by its name, in the order of the first row.
        examples: the worst and the best by each score in turn, then a uniform sample of all; each
            row once, with its ``values`` in the order of ``counts``, None where it has none.
        models: names of the models that made them, the first few.

    """

    rows: int = 0
    counts: dict[str, ValueCounts] = field(default_factory=dict)
    examples: list[Row] = field(default_factory=list)
    models: list[str] = field(default_factory=list)


def read_scored_rows(
    folder: OutputFolder, manifest: RunManifest, slices: Mapping[str, int], *, most: int
) -> ScoredRows:
    """Read the rows that an evaluation scored.

    Args:
        slices: the slices that a page lists, with their numbers there.
        most: rows kept.

    Raises:
        RunError: a file of the table cannot be read.

    """
    files = [folder.path(path) for path in manifest.files if path.startswith(f"{manifest.table}/")]
    found = ScoredRows()
    ends: dict[str, tuple[Extremes, Extremes]] = {}
    sample = LowestKeys(most)
    models: dict[str, None] = {}
    for batch in read_batches(folder, files, arrow_schema(RowScore)):
        found.rows += batch.num_rows
        block = _Block(batch, slices, manifest)
        if len(models) < _MOST_MODELS:
            models |= dict.fromkeys(filter(None, batch["model"].unique().to_pylist()))
        for name, values in _scores(batch).items():
            found.counts.setdefault(name, ValueCounts()).add(values)
            pair = ends.setdefault(name, (Extremes(EXTREMES), Extremes(EXTREMES)))
            known = np.where(countable(values), values, np.nan)
            sign = -1 if name in LOWER_IS_BETTER else 1
            for extremes, orders in zip(pair, (sign * known, -sign * known), strict=True):
                for index in extremes.candidates(orders, block.numbers):
                    extremes.offer(float(orders[index]), int(block.numbers[index]), block[index])
        for index in sample.candidates(batch["key"]):
            if sample.accepts(block.keys[index]):
                sample.offer(block.keys[index], block[index])
    found.models = list(models)[:_MOST_MODELS]
    # What rows are ordered by at first is a score that they have.
    found.counts = dict(sorted(found.counts.items(), key=lambda item: item[1].counted == 0))
    leading = _in_turn([list(extremes) for pair in ends.values() for extremes in pair])
    examples = {row["key"]: row for row in leading}
    for row in sample:
        examples.setdefault(row["key"], row)
    found.examples = list(examples.values())[:most]
    for row in found.examples:
        scores = row.pop("scores")
        row["values"] = [scores.get(name) for name in found.counts]
    return found


class _Block:
    """The rows of a batch as a page holds them, each made when it is first asked for."""

    def __init__(
        self, batch: pa.RecordBatch, slices: Mapping[str, int], manifest: RunManifest
    ) -> None:
        self._batch = batch
        self._slices = slices
        self._manifest = manifest
        self._rows: dict[int, Row] = {}
        self.keys: list[Any] = batch["key"].to_pylist()
        self.numbers = key_numbers(self.keys)

    def __getitem__(self, index: Any) -> Row:
        at = int(index)
        if at not in self._rows:
            self._rows[at] = self._row(
                {name: self._batch[name][at].as_py() for name in self._batch.schema.names}
            )
        return self._rows[at]

    def _row(self, values: Row) -> Row:
        scores = np.array(values["scores"], np.float64)
        by_name = zip(
            values["metrics"], rounded(scores).tolist(), countable(scores).tolist(), strict=True
        )
        made_by = f"{values['model']} {values['revision']}".strip()
        return {
            "key": values["key"],
            "id": clip(values["asset_id"]),
            "question_id": clip(values["question_id"]),
            "text": clip(values["text"]),
            "references": clip_all(values["references"]),
            "scores": {name: value for name, value, known in by_name if known},
            "slices": [self._slices[one] for one in values["slices"] if one in self._slices],
            "uri": clip(values["uri"]),
            # Rows of an older model may stand among those of the newest.
            "made_by": "" if values["model"] == self._manifest.model else clip(made_by),
            "attributes": other_columns(values["attributes"]),
        }


def _scores(batch: pa.RecordBatch) -> dict[str, NDArray[np.float64]]:
    """The values of each score, NaN where a row has none: arrays of shape (rows,)."""
    metrics: Any = batch["metrics"]
    scores: Any = batch["scores"]
    names = metrics.flatten().dictionary_encode()
    values = scores.flatten().to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(batch.num_rows), np.diff(metrics.offsets.to_numpy()))
    codes = names.indices.to_numpy(zero_copy_only=False)
    found = {}
    for code, name in enumerate(names.dictionary.to_pylist()):
        held = codes == code
        found[name] = np.full(batch.num_rows, np.nan)
        found[name][rows[held]] = values[held]
    return found


def _in_turn(lists: Sequence[Sequence[Row]]) -> Iterator[Row]:
    """The first row of each list, then the second of each, and so on."""
    for place in range(max(map(len, lists), default=0)):
        yield from (some[place] for some in lists if place < len(some))
