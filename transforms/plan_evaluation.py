"""The first steps of an evaluation: what belongs together, and how frequent n-grams are."""

import hashlib
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from storage.evaluation.matched import read_matched, read_plan, stage_evaluation
from storage.evaluation.matching import MatchedSplit
from storage.evaluation.settings import EvaluationSettings
from storage.layout import evaluation_path, manifest_path
from storage.runs import Run
from storage.staged import stage_plan
from storage.store import open_store
from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.ngrams import NgramCounter
from transforms.metrics.ptb_tokenizer import tokenize
from transforms.settings import RunSettings
from transforms.tally import tally_of
from transforms.worker_checks import check_worker

ROWS_AT_ONCE = 1024


class PlanEvaluation(beam.DoFn):
    """Evaluation settings in, splits of matched rows out."""

    def __init__(self, *, settings: RunSettings, run: Run) -> None:
        self._settings = settings
        self._run = run

    def process(self, evaluation: EvaluationSettings) -> Iterator[MatchedSplit]:
        """Bring results and references together."""
        store = open_store(self._settings.out)
        check_worker(store, self._settings)
        run_id = self._settings.run_id
        if store.exists(manifest_path(run_id)):
            # Submitted again, or outrun by another launcher: nothing is left to do.
            yield MatchedSplit(
                split_id="", offset=0, row_count=0, matched=0, skipped=0, failures_by_kind={}
            )
            return
        plan = stage_evaluation(
            store,
            run_id,
            evaluation,
            bytes.fromhex(self._run.fingerprint),
            self._settings.version,
        )
        stage_plan(store, run_id, plan.splits)
        tally = tally_of(run_id)
        with tally.lock:
            tally.planned = sum(split.row_count for split in plan.splits)
            tally.planning_done = True
        yield from plan.splits


class CountDocuments(beam.DoFn):
    """Splits in, document frequencies of the n-grams of their references out."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings

    def setup(self) -> None:
        """Begin to remember tokens."""
        self._counter = NgramCounter()

    def process(self, split: MatchedSplit) -> Iterator[tuple[None, DocumentFrequencies]]:
        """Count a split's references."""
        store = open_store(self._settings.out)
        for table in read_matched(store, self._settings.run_id, split, ROWS_AT_ONCE):
            texts: list[Any] = table["references"].to_pylist()
            references = [list(map(tokenize, some)) for some in texts]
            block = self._counter.count([""] * len(references), references)
            yield None, DocumentFrequencies.of(block)
        yield None, DocumentFrequencies.empty()


class StageFrequencies(beam.DoFn):
    """The frequencies of all n-grams in, and the splits out again with where those are kept."""

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings

    def process(
        self, keyed: tuple[None, DocumentFrequencies]
    ) -> Iterator[tuple[str, MatchedSplit]]:
        """Write the frequencies down for all machines, named by what they are."""
        store = open_store(self._settings.out)
        run_id = self._settings.run_id
        if store.exists(manifest_path(run_id)):
            return
        content = keyed[1].serialize()
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        path = evaluation_path(run_id, f"frequencies-{digest}.bin")
        store.put(path, content)
        for split in read_plan(store, run_id).splits:
            yield path, split
