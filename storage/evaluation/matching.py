"""Which references a row of results is compared with, or why it is not scored."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.errors import CatalogError
from schemas.failure import Failure, FailureKind, Stage
from storage.catalog.columns import plain_text
from storage.digests import DigestSet
from storage.evaluation.join import Found, Join
from storage.evaluation.measured import MeasuredCheck
from storage.evaluation.references import leave_out
from storage.evaluation.results import Result
from storage.evaluation.settings import EvaluationSettings
from storage.forgotten import names_forgotten
from storage.keys import question_identity, row_identity, row_keys

_MOST_SLICES = 1000
# The sums of a slice take eight times as much: they count each rank.
_MOST_SLICES_OF_NEIGHBORS = 100
_MOST_CHARACTERS = 200_000
_NO_VALUE = "(none)"
_DOUBLED = (
    FailureKind.DUPLICATE_ID,
    "An earlier row of the results has the same id; that row was kept. Make ids unique.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedSplit:
    """Some rows of results, of which those that have references are staged.

    Attributes:
        offset: rows of results before.
        row_count: rows of results; ``matched``: those to score; ``skipped``: older rows of assets,
            and all of those that were forgotten.
        failures_by_kind: the others.
        rows_name: name of the staged file of rows to score; empty where there are none.
        failures_name: likewise of failures.

    """

    split_id: str
    offset: int
    row_count: int
    matched: int
    skipped: int
    failures_by_kind: dict[str, int]
    rows_name: str = ""
    failures_name: str = ""


class Matcher:
    """Says of each row of results what it is compared with, or why it is not.

    Args:
        forgotten: assets of which no row is scored, and no reference told of.

    """

    def __init__(
        self,
        settings: EvaluationSettings,
        join: Join,
        fingerprint: bytes,
        forgotten: DigestSet,
    ) -> None:
        self._settings = settings
        self._join = join
        self._fingerprint = fingerprint
        self._forgotten = forgotten
        self._left_out = 0
        self._part = "question" if settings.kind == "answers" else "part"
        self._there: set[str] = set()
        if settings.reads_file:
            self._there = join.add(leave_out(settings.read_references(), forgotten))
        self._check = MeasuredCheck(settings)
        self._offset = 0
        self._slices: set[str] = set()
        self._columns: set[str] = set()
        self._first_id = ""

    def match(
        self, number: int, rows: Sequence[Result]
    ) -> tuple[MatchedSplit, list[dict[str, Any]], list[Failure]]:
        """Match the rows of a split: its counts, the rows to score and the failures."""
        identities = [
            row_identity(self._settings.results.uris[0], self._offset + place)
            if row.asset_id is None
            else question_identity(row.asset_id, row.question_id)
            for place, row in enumerate(rows)
        ]
        keys = row_keys(identities, None, self._fingerprint)
        forgotten = names_forgotten([row.asset_id for row in rows], self._forgotten)
        matched: list[dict[str, Any]] = []
        failures: list[Failure] = []
        skipped = int(forgotten.sum())
        self._left_out += skipped
        for place, row in enumerate(rows):
            self._columns.update(row.columns)
            if forgotten[place]:
                continue
            if row.asset_id is not None and not self._join.is_first(row):
                if self._settings.results.committed:
                    skipped += 1
                else:
                    failures.append(_failure(keys.hex(place), row, *_DOUBLED))
                continue
            found = self._find(row)
            if not isinstance(found, Found):
                failures.append(_failure(keys.hex(place), row, *found))
                continue
            matched.append(
                {
                    "key": keys.hex(place),
                    "identity": int(keys.identity[place, 0]),
                    "asset_id": row.asset_id,
                    "question_id": row.question_id,
                    "text": row.text,
                    "references": found.texts,
                    "slices": self._slices_of(row, found),
                    "uri": row.uri,
                    "model": row.model,
                    "revision": row.revision,
                    "attributes": row.attributes,
                    **row.measured,
                }
            )
        split = MatchedSplit(
            split_id=f"{number:08d}",
            offset=self._offset,
            row_count=len(rows),
            matched=len(matched),
            skipped=skipped,
            failures_by_kind=dict(Counter(failure.kind for failure in failures)),
        )
        self._offset += len(rows)
        return split, matched, failures

    def check(self, splits: Sequence[MatchedSplit]) -> None:
        """Check that there is something to score, and that its slices are what was asked for.

        Raises:
            CatalogError: there is not, or they are not.

        """
        if not self._offset:
            raise CatalogError(f"{self._settings.results.uris[0]} holds no rows to evaluate.")
        if not any(split.matched for split in splits):
            kinds: Counter[str] = Counter()
            for split in splits:
                kinds.update(split.failures_by_kind)
            raise CatalogError(self._nothing_matches(kinds))
        missing = [
            name for name in self._settings.slice_by if name not in self._columns | self._there
        ]
        if missing:
            known = ", ".join(sorted(self._columns)[:20]) or "none"
            raise CatalogError(
                f"No row has a column {missing[0]} to slice by. The results have: {known}."
            )

    def _nothing_matches(self, kinds: Counter[str]) -> str:
        if kinds[FailureKind.UNKNOWN_ASSET.value] and not self._left_out:
            _, first = self._join.unmatched()
            named = repr(first[0]) if first else "none"
            return (
                f"No row of the results has references: ids begin with {self._first_id!r} there, "
                f"and with {named} in {self._settings.references or self._settings.benchmark}."
            )
        told = [f"{count} {kind}" for kind, count in kinds.most_common()]
        advice = " Name a file with --references." if self._settings.compared and kinds else ""
        if self._left_out:
            told.append(f"{self._left_out} of assets that were forgotten in the output")
        return f"No row of the results can be scored ({', '.join(told)}).{advice}"

    def _find(self, row: Result) -> Found | tuple[FailureKind, str]:
        """The references of a row, or why it cannot be scored."""
        if row.asset_id is None:
            return FailureKind.MISSING_ID, "The row of the results has no asset_id."
        self._first_id = self._first_id or row.asset_id
        named = f"asset {row.asset_id!r}"
        if row.question_id:
            named += f" and {self._part} {row.question_id!r}"
        problem = self._check.problem(row)
        if problem:
            return FailureKind.INVALID_ROW, f"The row of {named} {problem}"
        return self._compared_with(row, named)

    def _compared_with(self, row: Result, named: str) -> Found | tuple[FailureKind, str]:
        settings = self._settings
        if not settings.compared:
            return Found(texts=(), repeats=0, columns={})
        where = settings.references or settings.benchmark or "the results"
        found = (
            self._join.find(row)
            if settings.reads_file
            else Found(texts=row.own, repeats=0, columns={})
        )
        if found is None:
            message = f"{where} has no references for {named}. Add them, or correct the id."
            return FailureKind.UNKNOWN_ASSET, message
        if found.repeats:
            message = (
                f"{where} has {found.repeats + 1} rows for {named}. Put all references into one."
            )
            return FailureKind.DUPLICATE_ID, message
        texts = found.texts
        if settings.kind == "neighbors" and settings.results.committed:
            # A query of ours is never among its own neighbours.
            texts = tuple(name for name in texts if name != row.asset_id)
        if not texts:
            return FailureKind.INVALID_ROW, f"The references of {named} in {where} are empty."
        if max(map(len, (row.text, *texts))) > _MOST_CHARACTERS:
            message = f"A text of {named} has more than {_MOST_CHARACTERS} characters."
            return FailureKind.INVALID_ROW, message
        return replace(found, texts=texts)

    def _slices_of(self, row: Result, found: Found) -> list[str]:
        slices = []
        for name in self._settings.slice_by:
            value = plain_text(row.columns.get(name)) or found.columns.get(name) or _NO_VALUE
            slices.append(f"{name}={value}")
        self._slices.update(slices)
        of_neighbors = self._settings.kind == "neighbors"
        most = _MOST_SLICES_OF_NEIGHBORS if of_neighbors else _MOST_SLICES
        if len(self._slices) > most:
            raise CatalogError(
                f"There are more than {most} slices: {', '.join(self._settings.slice_by)} has "
                "too many values. Slice by a column of few."
            )
        return slices


def _failure(key: str, row: Result, kind: FailureKind, message: str) -> Failure:
    return Failure(
        key=key,
        asset_id=row.asset_id or "",
        question_id=row.question_id,
        stage=Stage.READ.value,
        kind=kind.value,
        message=message,
        retryable=False,
        uri=row.uri,
        attributes=row.attributes,
    )
