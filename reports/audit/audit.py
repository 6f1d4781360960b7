"""The audit: one pass over results, in which all is counted that was asked for."""

from contextlib import ExitStack
from dataclasses import dataclass, replace

import pyarrow as pa

from reports.audit import lineage
from reports.audit.disparity import Disparity, disparities, rates
from reports.audit.failed import FailedRows
from reports.audit.groups import Groups
from reports.audit.judging import judged
from reports.audit.labelling import Labelling
from reports.audit.leans import lean_of
from reports.audit.lineage import LicenceTally
from reports.audit.measures import RowMeasures
from reports.audit.memorised import MemorisedFinder
from reports.audit.result import Audit
from reports.audit.rows import AuditedRows
from reports.audit.sentences import findings, notes
from reports.audit.tally import GroupedSums
from reports.audit.terms import TermFinder
from reports.audit.word_lists import WordList
from reports.audit.zero_shot import ZeroShotLabels
from reports.nightly.texts import script_of, words_of
from schemas.errors import CatalogError, UsageError
from storage.catalog.columns import plain_text
from storage.keys import asset_words
from storage.values_by_id import SAMPLE, ValuesById

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
        reference: shares by label; empty for equal ones of ``labels``. With a ``label_file`` never
            empty, for that says nothing of labels that no picture has.
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
        self._measures = RowMeasures(self._rows, self._terms.categories, present)
        count = len(self._measures.all)
        self._sums = {name: GroupedSums(name, count) for name in (_ALL, *self._groups.by)}
        self._licences = self._licence_tally(present)
        self._labelling = self._chosen_labelling(present, stack)
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
        columns += self._labelling.columns if self._labelling is not None else ()
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
        values = self._measures.of(batch, texts, found)
        groups = self._groups.of(named, batch)
        self._failed.take_out(ids, batch)
        self._sums[_ALL].add([_ALL] * len(ids), hashes, values)
        for name, some in groups.items():
            self._sums[name].add(some, hashes, values)
        if self._licences is not None:
            self._licences.add(named, batch)
        if self._memorised is not None:
            self._memorised.add(named, words)
        if self._labelling is not None:
            # Of a text that describes a picture what it names is no wish.
            wishes = self._rows.is_generated
            neutral = [not wishes or not places & self._of_people for places in found]
            self._labelling.add(batch, named, hashes, neutral)

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

    def _chosen_labelling(self, present: set[str], stack: ExitStack) -> Labelling | None:
        settings = self._settings
        if settings.label_file:
            return Labelling(ValuesById(settings.label_file, "a file of labels", ("label",)))
        if not settings.labels:
            return None
        if "image" not in present:
            raise UsageError(
                f"--labels needs pictures, and {settings.results} has no column image. Name "
                "generations, or labels of your own with --label-file."
            )
        encoder = ZeroShotLabels(settings.labels, settings.encoder)
        return Labelling(stack.enter_context(encoder))

    def _add_failed(self) -> None:
        """Count rows that failed, where they belong: beside those that have a result."""
        left = self._failed.left()
        if not left:
            return
        values = self._measures.of_failed([one.kind for one in left])
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
            compared += disparities(self._sums[name], self._measures.all)
        leanings = [] if self._rows.is_generated else self._terms.leanings()
        leans = [lean_of(one) for one in leanings]
        shown = None
        if self._labelling is not None:
            # Of equal shares a text that is nearest to no picture has its own too.
            reference = settings.reference or dict.fromkeys(settings.labels, 1.0)
            shown = self._labelling.result(reference)
        compared, leans, shown = judged(compared, leans, shown, settings.least_effect)
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
            left_out_scores=dict(self._measures.left_out),
            unmatched=unmatched,
            columns={name: dict(some.most_common()) for name, some in self._groups.sizes.items()},
            words={one.name: (one.title, one.sources) for one in settings.lists},
            rates=tuple(rates(self._sums[_ALL], self._measures.all)),
            disparities=tuple(compared),
            leans=tuple(leans),
            representation=shown,
            memorised=self._memorised.finish() if self._memorised is not None else None,
            lineage=self._licences.result() if self._licences is not None else None,
            comparisons=sum(one is not None for one in chances) + (shown is not None),
            least_effect=settings.least_effect,
        )
        return replace(found, findings=tuple(findings(found)), notes=tuple(notes(found)))
