"""Listing what a filter keeps: of each asset the newest verdict by the newest rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.failure import FailureKind
from schemas.manifest import RunManifest
from storage.digests import DigestFile, Flags, sorted_digests
from storage.embeddings import open_part
from storage.keys import asset_words
from storage.latest import read_manifests
from storage.layout import FAILURES, keep_path, superseded_path
from storage.score_bins import ScoreCounts
from storage.store import Store
from storage.verdict_columns import RULES, has_rule, key_words, rule_bits
from storage.verdict_record import TABLE, VerdictRecord, put_verdicts, read_verdicts

_ROWS_AT_ONCE = 8192
_COLUMNS = ("key", "asset_id", "kept", "reasons", "not_judged", "clip_score")
_FAILURE_COLUMNS = ("key", "asset_id", "kind")
_DOUBLED = FailureKind.DUPLICATE_ID.value
_ROW = np.dtype(
    [
        ("first", "<u8"),
        ("second", "<u8"),
        ("key", "<u8"),
        ("kept", "?"),
        ("broken", "<u2"),
        ("not_judged", "<u2"),
        ("score", "<f4"),
        ("now", "?"),
        ("failed", "?"),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """A part of the table, or of its failures; ``now``: whether it is of the newest rules."""

    path: str
    rows: int
    now: bool

    @property
    def failed(self) -> bool:
        return self.path.startswith(f"{FAILURES}/")


def list_kept(store: Store, manifest: RunManifest) -> VerdictRecord:
    """List what the rules of a run keep of all that was judged up to its commit; once only.

    An asset that failed since it was judged has no verdict. It may be done again, and by several at
    once: the same files come of it, and one record counts. Memory is some 150 bytes for each row of
    the table and each failure.
    """
    known = read_verdicts(store, manifest.commit)
    if known is not None:
        return known
    digest = str(manifest.config["rules"])
    parts = _parts(store, manifest.commit, digest)
    rows = _read_all(store, parts)
    newest = rows[_newest(rows)]
    chosen = rows[rows["now"]]
    chosen = chosen[_newest(chosen)]
    chosen = chosen[~chosen["failed"]]
    kept = chosen[chosen["kept"]]
    keep = sorted_digests(kept["first"], kept["second"])
    content, superseded = keep.serialize(), _superseded(rows, newest).serialize()
    record = VerdictRecord(
        commit=manifest.commit,
        run_id=manifest.run_id,
        digest=digest,
        model=manifest.model,
        revision=manifest.revision,
        judged=len(chosen),
        kept=len(keep),
        broken=_counts(chosen["broken"]),
        not_judged=_counts(chosen["not_judged"]),
        scores=_score_counts(chosen["score"]),
        files=tuple(part.path for part in parts if part.now and not part.failed),
        keep_list=keep_path(manifest.commit, content),
        superseded=superseded_path(manifest.commit, superseded),
    )
    store.put(record.keep_list, content)
    store.put(record.superseded, superseded)
    put_verdicts(store, record)
    return read_verdicts(store, manifest.commit) or record


def list_last(store: Store) -> None:
    """List what the newest run of a filter kept, if it was ended between commit and list."""
    runs = [one for one in read_manifests(store) if one.table == TABLE and one.state == "done"]
    if runs:
        list_kept(store, max(runs, key=lambda run: run.commit))


def _parts(store: Store, upto: int, digest: str) -> list[_Part]:
    runs = [one for one in read_manifests(store) if one.table == TABLE and one.commit <= upto]
    return [
        _Part(
            path=path,
            rows=int(open_part(store.uri, path).metadata.num_rows),
            now=run.config["rules"] == digest,
        )
        for run in sorted(runs, key=lambda run: run.commit)
        for path in run.files
        if path.startswith((f"{TABLE}/", f"{FAILURES}/"))
    ]


def _read_all(store: Store, parts: list[_Part]) -> NDArray[np.void]:
    """What is needed of all rows, in the order of their commits."""
    rows = np.empty(sum(part.rows for part in parts), _ROW)
    start = 0
    for part in parts:
        for batch in _batches(store, part):
            if not len(batch):
                continue
            some = rows[start : start + len(batch)]
            words = asset_words(batch["asset_id"].to_pylist())
            some["first"], some["second"] = words.T
            some["key"] = key_words(batch["key"])[:, 1]
            some["now"], some["failed"] = part.now, part.failed
            start += len(batch)
            if part.failed:
                continue
            some["kept"] = batch["kept"].to_numpy(zero_copy_only=False)
            some["broken"] = rule_bits(batch["reasons"])
            some["not_judged"] = rule_bits(batch["not_judged"])
            some["score"] = batch["clip_score"].to_numpy(zero_copy_only=False)
    return rows[:start]


def _batches(store: Store, part: _Part) -> Iterator[Any]:
    columns = _FAILURE_COLUMNS if part.failed else _COLUMNS
    opened = open_part(store.uri, part.path)
    for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=list(columns)):
        # Of a doubled id the row that came first was judged.
        yield batch.filter(pc.field("kind") != _DOUBLED) if part.failed else batch


def _newest(rows: NDArray[np.void]) -> NDArray[np.intp]:
    """The last row of each asset: indices."""
    order = np.lexsort((np.arange(len(rows)), rows["second"], rows["first"]))
    first, second = rows["first"][order], rows["second"][order]
    last: Flags = np.ones(len(rows), bool)
    last[:-1] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return order[last]


def _superseded(rows: NDArray[np.void], newest: NDArray[np.void]) -> DigestFile:
    """The keys of verdicts that are not the newest of their asset, or older than its failure."""
    newest = newest[~newest["failed"]]
    current = sorted_digests(newest["first"], newest["key"])
    old = rows[~current.contains(rows["first"], rows["key"])]
    return sorted_digests(old["first"], old["key"])


def _counts(bits: NDArray[np.uint16]) -> dict[str, int]:
    """How many rows have each rule's bit, of those that any has, in the vocabulary's order."""
    counts = ((name, int(has_rule(bits, name).sum())) for name in RULES)
    return {name: count for name, count in counts if count}


def _score_counts(scores: NDArray[np.float32]) -> dict[str, int]:
    """How many scores lie from each hundredth to the next, of those that any does."""
    counted = ScoreCounts()
    # As they were compared with the threshold.
    counted.add(scores[~np.isnan(scores)].astype(np.float64).round(5))
    return counted.by_hundredth()
