"""Scoring the rows of a split: a part of the table, and sums for each slice."""

import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

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
from storage.evaluation.settings import EvaluationSettings
from storage.layout import evaluation_path, manifest_path, split_folder
from storage.part_writer import file_metadata, serialize_table
from storage.parts import Part, SplitRecord, stage_part
from storage.shared_files import local_copy
from storage.store import Store, open_store
from transforms.encode_pairs import PairEncoder
from transforms.metrics.combine import Mergeable
from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.sums import Sums, sums_by_group
from transforms.plan_evaluation import ROWS_AT_ONCE
from transforms.scorers import Notes, Scorer, make_scorer
from transforms.settings import EncoderSettings, RunSettings
from transforms.tally import tally_of
from transforms.worker_checks import check_worker

Floats = NDArray[np.float64]


class ScoreResults(beam.DoFn):
    """Splits in, records and notes of them out; to ``sums`` sums for each slice, and to ``wholes``
    what is made of all rows together.
    """

    SUMS: Literal["sums"] = "sums"
    WHOLES: Literal["wholes"] = "wholes"

    def __init__(
        self,
        *,
        evaluation: EvaluationSettings,
        settings: RunSettings,
        encoder: EncoderSettings | None = None,
    ) -> None:
        self._evaluation = evaluation
        self._settings = settings
        self._encoder_settings = encoder

    def setup(self) -> None:
        """Begin without a scorer: the frequencies are not known yet."""
        self._opened = ""
        self._scorer: Scorer | None = None
        work, settings = self._encoder_settings, self._settings
        self._encoder = None if work is None else PairEncoder(work, settings.run_id, settings.out)

    def teardown(self) -> None:
        """End threads and helper processes."""
        if self._encoder is not None:
            self._encoder.close()

    def process(
        self, located: tuple[str, MatchedSplit]
    ) -> Iterator[
        SplitRecord
        | Notes
        | pvalue.TaggedOutput[Literal["sums"], tuple[str, Sums]]
        | pvalue.TaggedOutput[Literal["wholes"], tuple[str, Mergeable]]
    ]:
        """Score a split's rows."""
        path, split = located
        store = open_store(self._settings.out)
        check_worker(store, self._settings)
        if store.exists(manifest_path(self._settings.run_id)):
            return
        scorer = self._scorer_of(store, path)
        sums: dict[str, Sums] = {}
        notes: Counter[str] = Counter()
        tables = []
        for table in read_matched(store, self._settings.run_id, split, ROWS_AT_ONCE):
            scored = scorer.score(table)
            notes += scored.notes
            tables.append(_rows(table, scorer.row_scores, scored.scores))
            for name, added in _sums(table, scored.statistics):
                sums[name] = Sums.merge([sums[name], added]) if name in sums else added
        for name, of_slice in sums.items():
            yield pvalue.TaggedOutput(self.SUMS, (name, of_slice))
        whole = scorer.whole()
        if whole is not None:
            yield pvalue.TaggedOutput(self.WHOLES, (ALL, whole))
        part = self._stage(store, split, tables)
        tally = tally_of(self._settings.run_id)
        with tally.lock:
            tally.passed += split.row_count
            tally.rows_out += split.matched
            tally.skipped += split.skipped
            tally.failed.update(split.failures_by_kind)
        if notes:
            yield Notes(counts=dict(notes))
        yield SplitRecord(
            split_id=split.split_id,
            offset=split.offset,
            row_count=split.row_count,
            parts=(part,),
        )

    def _scorer_of(self, store: Store, path: str) -> Scorer:
        if self._scorer is None or path != self._opened:
            frequencies = DocumentFrequencies.map(local_copy(store, path)) if path else None
            self._scorer = make_scorer(self._evaluation, frequencies, self._encoder)
            self._opened = path
        return self._scorer

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


def _rows(table: pa.Table, names: Sequence[str], scores: Floats) -> pa.Table:
    columns: dict[str, Any] = {
        **{name: table[name] for name in table.column_names},
        "metrics": pa.array([list(names)] * len(table), pa.list_(pa.string())),
        "scores": pa.array(list(scores), pa.list_(pa.float64())),
    }
    schema = arrow_schema(RowScore)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _sums(table: pa.Table, statistics: Floats) -> Iterator[tuple[str, Sums]]:
    """Sums over all rows of a block, and over those of each slice; none where nothing is added."""
    if not statistics.shape[1]:
        return
    keys = table["identity"].to_numpy()
    yield ALL, Sums.of(statistics, keys)
    slices: list[Any] = table["slices"].to_pylist()
    for column in zip(*slices, strict=True):
        numbers = {name: number for number, name in enumerate(dict.fromkeys(column))}
        groups = np.array([numbers[name] for name in column])
        yield from zip(numbers, sums_by_group(statistics, keys, groups, len(numbers)), strict=True)
