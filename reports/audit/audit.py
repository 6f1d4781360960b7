"""The audit: one pass over results, in which all is counted that was asked for."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reports.audit import lineage
from reports.audit.disparity import Disparity, Measure, counts, disparities, rates
from reports.audit.failed import FailedRows
from reports.audit.groups import Groups
from reports.audit.intervals import (
    corrected,
    share_chance,
    share_difference,
    share_effect,
    share_interval,
)
from reports.audit.lineage import LicenceTally
from reports.audit.memorised import MemorisedFinder
from reports.audit.representation import LabelCounts, Representation
from reports.audit.result import Audit, Lean
from reports.audit.rows import AuditedRows, column_of
from reports.audit.sentences import findings, notes
from reports.audit.tally import GroupedSums
from reports.audit.terms import Leaning, TermFinder
from reports.audit.word_lists import WordList
from reports.audit.zero_shot import ZeroShotLabels
from reports.nightly.texts import is_refusal, script_of, words_of
from schemas.errors import CatalogError, UsageError
from schemas.failure import FailureKind
from storage.catalog.columns import plain_text
from storage.keys import asset_words
from storage.values_by_id import SAMPLE, ValuesById

_EMPTY = Measure(name="empty", topic="safety")
_REFUSED = Measure(name="refused", topic="safety")
_FAILED = Measure(name="failed", topic="safety")
_ALL = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """What is audited, and by what.

    Attributes:
        results: an output, or a Parquet file, a folder or a glob of such.
        table: of an output that has several.
        by: columns that group rows.
        groups: a file of ids and groups; empty without.
        lists: word lists.
        labels: texts to label pictures by; ``encoder``: by which dual encoder.
        label_file: labels of the user's; empty without.
        reference: shares by label; empty for equal ones.
        training_texts: file of texts that models were trained on; empty without.
        span: words of the shortest span that counts.
        allowed: licences; none if all that are known will do.
        licenses: file of licences by asset; empty without.
        least_effect: the smallest difference that counts (Cohen's h, d or w).

    """

    results: str
    table: str | None = None
    by: tuple[str, ...] = ()
    groups: str = ""
    lists: tuple[WordList, ...]
    labels: tuple[str, ...] = ()
    encoder: str = ""
    label_file: str = ""
    reference: dict[str, float]
    training_texts: str = ""
    span: int = 8
    allowed: tuple[str, ...] = ()
    licenses: str = ""
    least_effect: float = 0.1


def audit(settings: AuditSettings) -> Audit:
    """Audit results.

    Memory does not grow with them, but for 50 bytes a row of an output, by which the newest row of
    each asset is told, and 300 a row that failed.

    Raises:
        UsageError: results or files cannot be read, or do not hold what was asked for.
        ModelError: the encoder cannot be loaded.

    """
    with ExitStack() as stack:
        return _Pass(settings, stack).run()


class _Pass:
    """One pass over the rows."""

    def __init__(self, settings: AuditSettings, stack: ExitStack) -> None:
        self._settings = settings
        self._rows = AuditedRows(settings.results, settings.table)
        present = self._rows.columns()
        group_file = None
        if settings.groups:
            group_file = ValuesById(settings.groups, "a file of groups", settings.by)
        self._groups = Groups(settings.by, group_file)
        self._terms = TermFinder(settings.lists)
        of_people = {one.name for one in settings.lists if not one.leaning}
        self._of_people = {
            place for place, (name, _) in enumerate(self._terms.categories) if name in of_people
        }
        self._failed = FailedRows()
        self._measures = self._chosen_measures(present)
        self._place = {measure: place for place, measure in enumerate(self._measures)}
        self._sums = {
            name: GroupedSums(name, len(self._measures)) for name in (_ALL, *self._groups.by)
        }
        self._licences = self._licence_tally(present)
        self._labels, self._label_file, self._zero_shot = self._labelling(present, stack)
        self._memorised = None
        if settings.training_texts:
            if self._rows.is_generated:
                raise UsageError(
                    "--training-texts is for captions and answers: texts of generations are what "
                    "was asked for."
                )
            finder = MemorisedFinder(settings.training_texts, settings.span)
            self._memorised = stack.enter_context(finder)
        self._count = 0
        self._without_id = 0

    def run(self) -> Audit:
        self._failed.read(self._rows, self._groups)
        columns = ["asset_id", "text", "question_id", SAMPLE, "metrics", "scores", "score"]
        columns += [*self._groups.columns, *(lineage.COLUMNS if self._licences else ())]
        columns += ["image"] if self._zero_shot else []
        for batch in self._rows.batches(list(dict.fromkeys(columns))):
            if len(batch):
                self._add(batch)
        if not self._count:
            raise CatalogError(f"{self._settings.results} holds no rows to audit.")
        self._groups.check(self._count)
        self._add_failed()
        return self._result()

    def _add(self, batch: pa.RecordBatch) -> None:
        named = [plain_text(one) for one in batch["asset_id"].to_pylist()]
        # Rows without an id are assets of their own.
        first = self._count
        ids = [name or f"\x01{first + place}" for place, name in enumerate(named)]
        self._count += len(ids)
        self._without_id += sum(not name for name in named)
        texts = [plain_text(one) for one in batch["text"].to_pylist()]
        words = [words_of(text, script_of(text)) for text in texts]
        hashes = asset_words(ids)[:, 0]
        found = [self._terms.find(some) for some in words]
        values = self._values(batch, texts, found)
        groups = self._groups.of(named, batch)
        self._failed.take_out(ids, batch)
        self._sums[_ALL].add([_ALL] * len(ids), hashes, values)
        for name, some in groups.items():
            self._sums[name].add(some, hashes, values)
        if self._licences is not None:
            self._licences.add(named, batch)
        if self._memorised is not None:
            self._memorised.add(named, words)
        if self._labels is not None:
            self._add_labels(batch, named, hashes, found)

    def _values(
        self, batch: pa.RecordBatch, texts: Sequence[str], found: Sequence[set[int]]
    ) -> NDArray[np.float64]:
        """The measures of some rows: float64 array of shape (measures, rows)."""
        values = np.zeros((len(self._measures), len(texts)))
        if _EMPTY in self._place:
            for row, places in enumerate(found):
                for place in places:
                    values[place, row] = 1
            values[self._place[_EMPTY]] = [not text.strip() for text in texts]
            values[self._place[_REFUSED]] = list(map(is_refusal, texts))
        quality = [measure for measure in self._measures if measure.topic == "quality"]
        if quality:
            for row, scores in enumerate(_scores(batch)):
                for measure in quality:
                    values[self._place[measure], row] = scores.get(measure.name, np.nan)
        return values

    def _chosen_measures(self, present: set[str]) -> list[Measure]:
        measures = []
        if not self._rows.is_generated:
            measures = [
                Measure(name=category, topic="terms", source=name)
                for name, category in self._terms.categories
            ]
            measures += [_EMPTY]
        measures += [_REFUSED]
        if self._rows.table not in {"", "row_scores"}:
            measures += [_FAILED]
        names: dict[str, None] = {}
        scored = present & {"metrics", "scores", "score"}
        for batch in self._rows.batches(["asset_id", "text", *scored]) if scored else ():
            for scores in _scores(batch):
                names.update(dict.fromkeys(scores))
            break
        return measures + [Measure(name=name, topic="quality") for name in names]

    def _licence_tally(self, present: set[str]) -> LicenceTally | None:
        settings = self._settings
        known = None
        if settings.licenses:
            known = ValuesById(settings.licenses, "a file of licences", ("license",))
        if known is None and not present & {"license", "shown_licenses"}:
            if settings.allowed:
                raise UsageError(
                    f"The rows of {settings.results} name no licences: say with --licenses FILE "
                    "which asset has which."
                )
            return None
        return LicenceTally(settings.allowed, known)

    def _labelling(
        self, present: set[str], stack: ExitStack
    ) -> tuple[LabelCounts | None, ValuesById | None, ZeroShotLabels | None]:
        settings = self._settings
        if settings.label_file:
            file = ValuesById(settings.label_file, "a file of labels", ("label",))
            return LabelCounts(), file, None
        if not settings.labels:
            return None, None, None
        if "image" not in present:
            raise UsageError(
                f"--labels needs pictures, and {settings.results} has no column image. Name "
                "generations, or labels of your own with --label-file."
            )
        labels = ZeroShotLabels(settings.labels, settings.encoder)
        return LabelCounts(), None, stack.enter_context(labels)

    def _add_labels(
        self,
        batch: pa.RecordBatch,
        ids: Sequence[str],
        hashes: NDArray[np.uint64],
        found: Sequence[set[int]],
    ) -> None:
        assert self._labels is not None
        # Of a text that describes a picture what it names is no wish.
        neutral = [not self._rows.is_generated or not places & self._of_people for places in found]
        self._labels.not_neutral += len(neutral) - sum(neutral)
        if self._zero_shot is not None:
            pictures = column_of(batch, "image") or [None] * len(ids)
            wanted = [one for one, use in zip(pictures, neutral, strict=True) if use]
            labels = self._zero_shot.label(wanted)
        else:
            assert self._label_file is not None
            values = self._label_file.find(ids, column_of(batch, SAMPLE))["label"]
            labels = [one for one, use in zip(values, neutral, strict=True) if use]
        self._labels.add(labels, hashes[np.array(neutral, bool)])

    def _add_failed(self) -> None:
        """Count rows that failed, where they belong: beside those that have a result."""
        left = self._failed.left()
        if _FAILED not in self._place or not left:
            return
        values = np.full((len(self._measures), len(left)), np.nan)
        values[self._place[_FAILED]] = 1
        refused = [one.kind == FailureKind.POLICY.value for one in left]
        values[self._place[_REFUSED]] = refused
        if _EMPTY in self._place:
            values[self._place[_EMPTY]] = [
                one.kind == FailureKind.EMPTY_OUTPUT.value for one in left
            ]
        hashes = asset_words([one.asset_id for one in left])[:, 0]
        self._sums[_ALL].add([_ALL] * len(left), hashes, values)
        groups = {name: [one.groups[name] for one in left] for name in self._groups.by}
        self._groups.count(groups)
        for name, some in groups.items():
            self._sums[name].add(some, hashes, values)

    def _result(self) -> Audit:
        settings = self._settings
        compared: list[Disparity] = []
        for name in self._groups.by:
            compared += disparities(self._sums[name], self._measures)
        leanings = [] if self._rows.is_generated else self._terms.leanings()
        leans = [_lean(one) for one in leanings]
        told_by = settings.label_file
        if self._zero_shot is not None:
            told_by = self._zero_shot.told
        shown = None
        if self._labels is not None:
            shown = self._labels.result(told_by, settings.reference)
        compared, leans, shown = _judged(compared, leans, shown, settings.least_effect)
        chances = [one.chance for one in (*compared, *(lean.disparity for lean in leans))]
        unmatched = {}
        if self._groups.unmatched:
            unmatched[settings.groups] = (
                self._groups.unmatched,
                tuple(self._groups.first_unmatched),
            )
        found = Audit(
            results=settings.results,
            table=self._rows.table,
            model=self._rows.model,
            revision=self._rows.revision,
            rows=self._count,
            failed=len(self._failed.left()),
            without_id=self._without_id,
            unmatched=unmatched,
            columns={name: dict(some.most_common()) for name, some in self._groups.sizes.items()},
            words={one.name: (one.title, one.sources) for one in settings.lists},
            rates=tuple(rates(self._sums[_ALL], self._measures)),
            disparities=tuple(compared),
            leans=tuple(leans),
            representation=shown,
            memorised=self._memorised.finish() if self._memorised is not None else None,
            lineage=self._licences.result() if self._licences is not None else None,
            comparisons=sum(one is not None for one in chances) + (shown is not None),
            least_effect=settings.least_effect,
        )
        return replace(found, findings=tuple(findings(found)), notes=tuple(notes(found)))


def _scores(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The scores of rows by metric: an evaluation's, or the one a drawn picture has."""
    metrics, scores = column_of(batch, "metrics"), column_of(batch, "scores")
    if metrics is not None and scores is not None:
        for names, values in zip(metrics, scores, strict=True):
            yield dict(zip(names or (), values or (), strict=False))
        return
    score = column_of(batch, "score")
    for value in score or [None] * len(batch):
        yield {"score": value} if isinstance(value, float) else {}


def _lean(one: Leaning) -> Lean:
    shares = (one.first, one.rows, one.other_first, one.other_rows)
    share, other = one.first / one.rows, one.other_first / one.other_rows
    low, high = share_interval(one.first, one.rows)
    difference_low, difference_high = share_difference(*shares)
    disparity = Disparity(
        measure=Measure(name=one.category, topic="terms", source=one.source),
        column=one.source,
        group=one.term,
        rows=one.rows,
        value=share,
        low=low,
        high=high,
        other_rows=one.other_rows,
        other=other,
        difference=share - other,
        difference_low=difference_low,
        difference_high=difference_high,
        effect=share_effect(share, other),
        chance=share_chance(*shares),
    )
    return Lean(
        source=one.source,
        term=one.term,
        against=one.category,
        other=one.other,
        disparity=disparity,
    )


def _judged(
    compared: Sequence[Disparity],
    leans: Sequence[Lean],
    shown: Representation | None,
    least: float,
) -> tuple[list[Disparity], list[Lean], Representation | None]:
    """Correct all p values of an audit together, and tell which differences count."""
    every = [*compared, *(lean.disparity for lean in leans)]
    chances = [one.chance for one in every]
    after = corrected([*chances, *([] if shown is None else [shown.chance])])
    told = [
        replace(one, corrected=value, found=counts(value, one.effect, least))
        for one, value in zip(every, after, strict=False)
    ]
    if shown is not None:
        found = counts(after[-1], shown.effect, least)
        shown = replace(shown, corrected=after[-1], found=found)
    first = len(compared)
    leaning = [
        replace(lean, disparity=one) for lean, one in zip(leans, told[first:], strict=True)
    ]
    return told[:first], leaning, shown
