"""Figures over training documents, in one pass and bounded memory."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reports.keyed_sums import DistinctCounts, KeyedSums, Lengths, distinct_rows
from schemas.errors import RunError
from storage.keys import asset_words

Row = dict[str, Any]
Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


class DocumentTally:
    """What was counted over documents.

    Attributes:
        mixed: by task and template with the number of its layout: documents, tokens, tokens that
            carry loss, and the sum of all weights.
        modalities: by task and kind of segment: tokens, those that carry loss, weights.
        origins: by licence and source of an asset: tokens, those of retrieved documents, those
            that carry loss.
        origin_assets: different assets, by the place of their licence and source.
        assets: likewise of all together.
        unlicensed: tokens of assets without a licence.
        unlicensed_assets: different assets without one.
        templates: documents by task and template.
        rows: rows of catalogs, by the place of their task and template.
        distinct: documents that differ in row, copy or template.
        contexts: documents by context.
        sequences: by the place of their context.
        lengths: of documents.
        retrieved: documents before the main one.
        spans: that were cut out of a document.
        span_lengths: tokens of each.
        left_out: retrieved documents that were left out for length; ``shortened`` documents lack
            such.
        fewer: documents that have fewer neighbours than were drawn, none being left out.
        passed_over: neighbours that have no codes, or no text to show.
        vocabularies: documents by vocabulary; ``tokenizers`` and ``models`` likewise.

    """

    def __init__(self) -> None:
        self.documents = 0
        self.mixed = KeyedSums(4)
        self.modalities = KeyedSums(3)
        self.origins = KeyedSums(3)
        self.origin_assets = DistinctCounts()
        self.assets = DistinctCounts()
        self.unlicensed = 0
        self.unlicensed_assets = DistinctCounts()
        self.templates = KeyedSums(1)
        self.rows = DistinctCounts()
        self.distinct = DistinctCounts()
        self.contexts = KeyedSums(1)
        self.sequences = DistinctCounts()
        self.lengths = Lengths()
        self.retrieved = Lengths()
        self.spans = Lengths()
        self.span_lengths = Lengths()
        self.left_out = 0
        self.shortened = 0
        self.fewer = 0
        self.passed_over = 0
        self.vocabularies: Counter[str] = Counter()
        self.tokenizers: Counter[str] = Counter()
        self.models: Counter[tuple[str, str]] = Counter()

    def add(self, batch: Any, segments: "BatchSegments") -> None:
        """Count the documents of a record batch; ``segments`` are theirs.

        Raises:
            ValueError, KeyError, TypeError: what was drawn for one is not written as it should be.

        """
        lengths = batch["length"].to_numpy().astype(np.int64)
        self.documents += batch.num_rows
        self.lengths.add(lengths)
        self.retrieved.add(pc.list_value_length(batch["retrieved_ids"]).to_numpy())
        self._count_mixed(batch, segments, lengths)
        self._count_segments(batch, segments)
        self._count_sequences(batch)
        self._count_choices(batch["choices"].to_pylist())
        for counter, column in (
            (self.vocabularies, "vocabulary_hash"),
            (self.tokenizers, "tokenizer_hash"),
        ):
            counter.update(batch[column].to_pylist())
        self.models.update(
            zip(batch["model"].to_pylist(), batch["revision"].to_pylist(), strict=True)
        )

    def _count_mixed(self, batch: Any, segments: "BatchSegments", lengths: Places) -> None:
        names, which = distinct_rows(batch["task"], batch["template"])
        with_loss = np.bincount(segments.documents, segments.with_loss, batch.num_rows)
        weights = np.bincount(segments.documents, segments.weights, batch.num_rows)
        ones = np.ones(batch.num_rows)
        self.mixed.add(names, which, (ones, lengths, with_loss, weights))
        whole = [(task, template.rpartition("/")[0]) for task, template in names]
        places = self.templates.add(whole, which, (ones,))
        ids = batch["asset_id"].to_pylist()
        self.rows.add(places, asset_words(ids)[:, 0])
        copies, templates = batch["copy_number"].to_pylist(), batch["template"].to_pylist()
        made = [
            f"{template.rpartition('/')[0]}\x00{copy}\x00{asset_id}"
            for template, copy, asset_id in zip(templates, copies, ids, strict=True)
        ]
        self.distinct.add(np.zeros(len(made), np.int64), asset_words(made)[:, 0])

    def _count_segments(self, batch: Any, segments: "BatchSegments") -> None:
        tasks = batch["task"].take(pa.array(segments.documents))
        names, which = distinct_rows(tasks, segments.of["kind"])
        counted = (segments.lengths, segments.with_loss, segments.weights)
        self.modalities.add(names, which, counted)
        named = segments.named
        of = {
            name: segments.of[name].filter(pa.array(named))
            for name in ("license", "source", "asset_id")
        }
        names, which = distinct_rows(of["license"], of["source"])
        retrieved = segments.of["retrieved"].to_numpy(zero_copy_only=False)
        of_assets = (segments.lengths, segments.lengths * retrieved, segments.with_loss)
        places = self.origins.add(names, which, [numbers[named] for numbers in of_assets])
        ids = of["asset_id"].dictionary_encode()
        hashes = asset_words(ids.dictionary.to_pylist())[:, 0][ids.indices.to_numpy()]
        self.origin_assets.add(places, hashes)
        self.assets.add(np.zeros(len(hashes), np.int64), hashes)
        without = equals(of["license"], "")
        self.unlicensed += int(segments.lengths[named][without].sum())
        self.unlicensed_assets.add(np.zeros(int(without.sum()), np.int64), hashes[without])

    def _count_sequences(self, batch: Any) -> None:
        names, which = distinct_rows(batch["context"])
        places = self.contexts.add(names, which, (np.ones(batch.num_rows),))
        self.sequences.add(places, asset_words(batch["sequence"].to_pylist())[:, 0])

    def _count_choices(self, choices: Sequence[str]) -> None:
        counts, lengths = [], []
        for text in choices:
            drawn = json.loads(text)
            spans = drawn["spans"]
            counts.append(len(spans))
            lengths += [stop - start for start, stop in spans]
            left_out = drawn["retrieved_left_out_for_length"]
            self.left_out += left_out
            self.shortened += left_out > 0
            self.fewer += drawn["retrieved"] + left_out < drawn["retrieved_at_most"]
            self.passed_over += drawn["retrieved_passed_over"]
        self.spans.add(np.array(counts, np.int64))
        self.span_lengths.add(np.array(lengths, np.int64))


class BatchSegments:
    """The segments of a batch's documents, one after another.

    Attributes:
        of: their fields, an array each.
        named: bool array of shape (segments,): those that are of an asset.
        documents: int64 array of shape (segments,): the row that each is of.
        lengths: int64 array of shape (segments,): tokens.
        with_loss: int64 array of shape (segments,): tokens of a weight above 0.
        weights: float64 array of shape (segments,): the sum of its tokens' weights.

    Raises:
        RunError: the segments of a document do not cover it.

    """

    def __init__(self, batch: Any, file: str) -> None:
        column = batch["segments"]
        flat: Any = pc.list_flatten(column)
        self.of: dict[str, Any] = {
            flat.type.field(place).name: values for place, values in enumerate(flat.flatten())
        }
        self.documents: Places = pc.list_parent_indices(column).to_numpy().astype(np.int64)
        self.named = ~equals(self.of["asset_id"], "")
        starts = self.of["start"].to_numpy().astype(np.int64)
        ends = self.of["end"].to_numpy().astype(np.int64)
        self.lengths: Places = ends - starts
        tokens = pc.list_value_length(batch["loss_weights"]).to_numpy().astype(np.int64)
        covered = np.bincount(self.documents, self.lengths, batch.num_rows)
        wrong = (tokens != covered) | (tokens != batch["length"].to_numpy())
        if wrong.any():
            raise RunError(
                f"The segments of the document {batch['key'][int(np.argmax(wrong))]} in {file} do "
                "not cover it: the table is damaged. Assemble it again into another folder."
            )
        losses = pc.list_flatten(batch["loss_weights"]).to_numpy().astype(np.float64)
        edges = np.append(0, np.cumsum(self.lengths))
        self.with_loss: Places = _between(np.cumsum(losses > 0), edges).astype(np.int64)
        self.weights: Numbers = _between(np.cumsum(losses), edges)


def equals(texts: Any, text: str) -> NDArray[np.bool_]:
    """Which texts of an array are this one."""
    found: NDArray[np.bool_] = pc.equal(texts, pa.scalar(text)).to_numpy(zero_copy_only=False)
    return found


def _between(cumulated: NDArray[Any], edges: Places) -> NDArray[Any]:
    """Sums of stretches: what is added up to the end of each, less what is to its start."""
    return np.diff(np.append(np.zeros(1, cumulated.dtype), cumulated)[edges])
