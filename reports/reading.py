"""Reading one run's texts, failures and thumbnails in one pass each, with bounded memory."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from reports.correctness import is_right
from reports.output_folder import OutputFolder
from reports.sampling import LowestKeys
from schemas.arrow import arrow_schema
from schemas.description import Answer, Caption
from schemas.errors import RunError
from schemas.failure import Failure
from schemas.manifest import RunManifest
from storage.layout import FAILURES, thumbnails_path

CONFIDENCE_BINS = 20
LONGEST_TEXT = 2000
"""Characters of one text that are kept: a page is to look at, the table has the rest."""

_MOST_TEXTS = 20
_BATCH_ROWS = 2048
_EDGES = np.array([round(edge / CONFIDENCE_BINS, 4) for edge in range(CONFIDENCE_BINS)])

_RECORDS: dict[str, type] = {"caption": Caption, "answer": Answer}
DESCRIBING = tuple(_RECORDS)
"""The jobs whose rows are texts about a picture."""

Row = dict[str, Any]

SHA256 = "sha256"
"""Of a row's picture: to tell which rows are about the same one; not shown."""


@dataclass(slots=True)
class RowTally:
    """Figures over all captions or answers of a run.

    Attributes:
        judged: rows with expected answers; ``right`` of them have one of those.
        confidence: rows by confidence, in ``CONFIDENCE_BINS`` bins of equal width from 0 to 1.
        confidence_right: likewise, the right ones only.

    """

    rows: int = 0
    tokens: int = 0
    judged: int = 0
    right: int = 0
    finish_reasons: Counter[str] = field(default_factory=Counter)
    confidence: list[int] = field(default_factory=lambda: [0] * CONFIDENCE_BINS)
    confidence_right: list[int] = field(default_factory=lambda: [0] * CONFIDENCE_BINS)


@dataclass(slots=True)
class FailureSample:
    """Failures of a run: how many of each kind, and some of each kind."""

    by_kind: Counter[str] = field(default_factory=Counter)
    rows: list[Row] = field(default_factory=list)


def read_thumbnails(folder: OutputFolder, run_id: str, *, most_bytes: int) -> dict[str, bytes]:
    """Read a run's thumbnails, by row key, until they are ``most_bytes`` together."""
    path = folder.path(thumbnails_path(run_id))
    if not folder.filesystem.exists(path):
        return {}
    fields: list[pa.Field[Any]] = [pa.field("key", pa.string()), pa.field("jpeg", pa.binary())]
    found: dict[str, bytes] = {}
    total = 0
    for batch in read_batches(folder, [path], pa.schema(fields)):
        for key, jpeg in zip(_list(batch, "key"), _list(batch, "jpeg"), strict=True):
            total += len(jpeg)
            if total > most_bytes:
                return found
            found[key] = jpeg
    return found


def read_rows(
    folder: OutputFolder, manifest: RunManifest, *, most: int, first: frozenset[str]
) -> tuple[RowTally, list[Row]]:
    """Read a run's captions or answers.

    Args:
        most: rows kept.
        first: keys of rows to keep before others.

    Returns:
        Figures over all rows, and a uniform sample of rows as plain values for JSON, those of
        ``first`` leading.

    """
    record = _RECORDS[manifest.job]
    files = folder.parquet_files(f"{manifest.table}/run={manifest.run_id}")
    tally = RowTally()
    sample = LowestKeys(most, first)
    for batch in read_batches(folder, files, arrow_schema(record)):
        confidence = confidences(batch["mean_logprob"].to_numpy(zero_copy_only=False))
        right = _count(tally, batch, confidence)
        for index in sample.candidates(batch["key"]):
            key = batch["key"][index].as_py()
            if sample.accepts(key):
                row = _row(_values(batch, index), float(confidence[index]), right[index])
                sample.offer(key, row)
    return tally, list(sample)


def read_failures(folder: OutputFolder, run_id: str, *, most_of_a_kind: int) -> FailureSample:
    """Read a run's failures: all counted, a uniform sample of each kind kept."""
    files = folder.parquet_files(f"{FAILURES}/run={run_id}")
    result = FailureSample()
    samples: dict[str, LowestKeys] = {}
    for batch in read_batches(folder, files, arrow_schema(Failure)):
        kinds = _list(batch, "kind")
        result.by_kind.update(kinds)
        for index, (key, kind) in enumerate(zip(_list(batch, "key"), kinds, strict=True)):
            sample = samples.setdefault(kind, LowestKeys(most_of_a_kind))
            if sample.accepts(key):
                sample.offer(key, _failure(_values(batch, index)))
    for kind, _ in result.by_kind.most_common():
        result.rows.extend(samples[kind])
    return result


def confidences(mean_logprobs: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Turn mean log-probabilities, in nats, into probabilities: exp, rounded to four places.

    The result is the geometric mean of the tokens' probabilities; NaN stays NaN.
    """
    logprobs: NDArray[np.float64] = np.minimum(mean_logprobs.astype(np.float64), 0.0)
    probabilities: NDArray[np.float64] = np.exp(logprobs)
    return probabilities.round(4)


def read_batches(
    folder: OutputFolder, files: Sequence[str], schema: pa.Schema, *, rows: int = _BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Read the columns of a schema from Parquet files, ``rows`` at a time.

    Raises:
        RunError: a file is not Parquet, or lacks the columns.

    """
    if not files:
        return
    try:
        dataset = ds.dataset(
            list(files), schema=schema, format="parquet", filesystem=folder.filesystem
        )
        yield from dataset.to_batches(
            columns=schema.names, batch_size=rows, batch_readahead=2, fragment_readahead=1
        )
    except pa.ArrowInvalid as error:
        raise RunError(f"A table in {folder.uri} cannot be read: {error}") from error


def _count(
    tally: RowTally, batch: pa.RecordBatch, confidence: NDArray[np.float64]
) -> list[bool | None]:
    right: list[bool | None] = [None] * batch.num_rows
    if "answers" in batch.schema.names:
        for index, (text, answers) in enumerate(
            zip(_list(batch, "text"), _list(batch, "answers"), strict=True)
        ):
            right[index] = is_right(text, answers) if answers else None
    known = ~np.isnan(confidence)
    bins = np.searchsorted(_EDGES, confidence, side="right") - 1
    is_true = np.array([value is True for value in right], dtype=bool)
    for index, count in enumerate(np.bincount(bins[known], minlength=CONFIDENCE_BINS)):
        tally.confidence[index] += int(count)
    for index, count in enumerate(np.bincount(bins[known & is_true], minlength=CONFIDENCE_BINS)):
        tally.confidence_right[index] += int(count)
    tally.rows += batch.num_rows
    tally.tokens += int(np.sum(batch["token_count"].to_numpy(), dtype=np.int64))
    tally.judged += sum(value is not None for value in right)
    tally.right += int(is_true.sum())
    tally.finish_reasons.update(_list(batch, "finish_reason"))
    return right


def _list(batch: pa.RecordBatch, column: str) -> list[Any]:
    return batch[column].to_pylist()


def _values(batch: pa.RecordBatch, index: int) -> Row:
    # One row at a time: a batch of long attributes never becomes Python objects whole.
    return {name: batch[name][index].as_py() for name in batch.schema.names}


def _row(values: Row, confidence: float, right: bool | None) -> Row:
    row = {
        "key": values["key"],
        "id": clip(values["asset_id"]),
        "text": clip(values["text"]),
        "confidence": None if math.isnan(confidence) else confidence,
        "finish": values["finish_reason"],
        "tokens": values["token_count"],
        "prompt": clip(values["prompt"]),
        "uri": clip(values["uri"]),
        SHA256: values["sha256"],
        "references": clip_all(values.get("references")),
        "neighbors": clip_all(values["neighbors"]),
        "attributes": other_columns(values["attributes"]),
    }
    if "question" in values:
        row |= {
            "question_id": clip(values["question_id"]),
            "question": clip(values["question"]),
            "answers": clip_all(values["answers"]),
            "right": right,
        }
    return row


def _failure(values: Row) -> Row:
    return {
        "key": values["key"],
        "id": clip(values["asset_id"]),
        "question_id": clip(values["question_id"]),
        "stage": values["stage"],
        "kind": values["kind"],
        "message": clip(values["message"]),
        "retryable": values["retryable"],
        "uri": clip(values["uri"]),
        "attributes": other_columns(values["attributes"]),
    }


def other_columns(text: str) -> str:
    """A row's attributes as a page holds them; empty where there are none."""
    return "" if text == "{}" else clip(text)


def clip(text: str) -> str:
    """The beginning of a text that is longer than a page holds."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… (cut)"


def clip_all(texts: Sequence[str] | None) -> list[str]:
    """The first texts of a list that is longer than a page holds."""
    return [clip(text) for text in (texts or ())[:_MOST_TEXTS]]
