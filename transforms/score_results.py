"""Scoring the rows of a split: a part of the table, and sums for each slice."""

import secrets
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam import pvalue
from numpy.typing import NDArray

from schemas.arrow import arrow_schema
from schemas.manifest import Counts
from schemas.score import ALL, RowScore
from storage.evaluation.matched import read_matched
from storage.evaluation.matching import MatchedSplit
from storage.evaluation.references import Kind
from storage.layout import evaluation_path, manifest_path, split_folder
from storage.part_writer import file_metadata, serialize_table
from storage.parts import Part, SplitRecord, stage_part
from storage.shared_files import local_copy
from storage.store import Store, open_store
from transforms.metrics.answers import ANSWER_ROW_SCORES, score_answers
from transforms.metrics.captions import CAPTION_ROW_SCORES, CaptionScorer
from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.ptb_tokenizer import tokenize
from transforms.metrics.sums import Sums, sums_by_group
from transforms.plan_evaluation import ROWS_AT_ONCE
from transforms.settings import RunSettings
from transforms.tally import tally_of
from transforms.worker_checks import check_worker

Floats = NDArray[np.float64]


class _Scored(NamedTuple):
    scores: Floats
    statistics: Floats


class ScoreResults(beam.DoFn):
    """Splits in, records of their parts out, and to the output ``sums`` sums for each slice."""

    SUMS: Literal["sums"] = "sums"

    def __init__(self, *, kind: Kind, settings: RunSettings) -> None:
        self._kind = kind
        self._settings = settings

    def setup(self) -> None:
        """Begin without a scorer: the frequencies are not known yet."""
        self._opened = ""
        self._scorer: CaptionScorer | None = None

    def process(
        self, located: tuple[str, MatchedSplit]
    ) -> Iterator[SplitRecord | pvalue.TaggedOutput[Literal["sums"], tuple[str, Sums]]]:
        """Score a split's rows."""
        path, split = located
        store = open_store(self._settings.out)
        check_worker(store, self._settings)
        if store.exists(manifest_path(self._settings.run_id)):
            return
        sums: dict[str, Sums] = {}
        tables = []
        for table in read_matched(store, self._settings.run_id, split, ROWS_AT_ONCE):
            scored = self._score(store, path, table)
            tables.append(self._rows(table, scored.scores))
            for name, added in _sums(table, scored.statistics):
                sums[name] = Sums.merge([sums[name], added]) if name in sums else added
        for name, of_slice in sums.items():
            yield pvalue.TaggedOutput(self.SUMS, (name, of_slice))
        part = self._stage(store, split, tables)
        tally = tally_of(self._settings.run_id)
        with tally.lock:
            tally.passed += split.row_count
            tally.rows_out += split.matched
            tally.skipped += split.skipped
            tally.failed.update(split.failures_by_kind)
        yield SplitRecord(
            split_id=split.split_id,
            offset=split.offset,
            row_count=split.row_count,
            parts=(part,),
        )

    def _score(self, store: Store, path: str, table: pa.Table) -> _Scored:
        texts: list[Any] = table["text"].to_pylist()
        references: list[Any] = table["references"].to_pylist()
        if self._kind == "answers":
            return _Scored(*score_answers(texts, references))
        if self._scorer is None or path != self._opened:
            self._scorer = CaptionScorer(DocumentFrequencies.map(local_copy(store, path)))
            self._opened = path
        tokenized = [list(map(tokenize, some)) for some in references]
        return _Scored(*self._scorer.score(list(map(tokenize, texts)), tokenized))

    def _rows(self, table: pa.Table, scores: Floats) -> pa.Table:
        names = ANSWER_ROW_SCORES if self._kind == "answers" else CAPTION_ROW_SCORES
        columns: dict[str, Any] = {
            **{name: table[name] for name in table.column_names},
            "metrics": pa.array([names] * len(table), pa.list_(pa.string())),
            "scores": pa.array(list(scores), pa.list_(pa.float64())),
        }
        schema = arrow_schema(RowScore)
        return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)

    def _stage(self, store: Store, split: MatchedSplit, tables: list[pa.Table]) -> Part:
        run_id = self._settings.run_id
        attempt = secrets.token_hex(4)
        files = {}
        if tables:
            stem = f"{split_folder(run_id, split.split_id)}/{attempt}"
            files["rows"] = f"{stem}.rows.parquet"
            metadata = file_metadata(run_id, self._settings.version)
            store.put(files["rows"], serialize_table(pa.concat_tables(tables), metadata))
        failed = sum(split.failures_by_kind.values())
        if failed:
            files["failures"] = evaluation_path(run_id, split.failures_name)
        part = Part(
            split_id=split.split_id,
            first=0,
            last=split.row_count,
            attempt=attempt,
            counts=Counts(
                rows_in=split.row_count,
                rows_out=split.matched,
                failed=failed,
                skipped=split.skipped,
            ),
            failures_by_kind=split.failures_by_kind,
            files=files,
        )
        stage_part(store, run_id, part)
        return part


def _sums(table: pa.Table, statistics: Floats) -> Iterator[tuple[str, Sums]]:
    """Sums over all rows of a block, and over those of each slice."""
    keys = table["identity"].to_numpy()
    yield ALL, Sums.of(statistics, keys)
    slices: list[Any] = table["slices"].to_pylist()
    for column in zip(*slices, strict=True):
        numbers = {name: number for number, name in enumerate(dict.fromkeys(column))}
        groups = np.array([numbers[name] for name in column])
        yield from zip(numbers, sums_by_group(statistics, keys, groups, len(numbers)), strict=True)
