"""What an audit found."""

from collections.abc import Mapping
from dataclasses import dataclass

from reports.audit.disparity import Disparity, Rate
from reports.audit.leans import Lean
from reports.audit.lineage import Lineage
from reports.audit.memorised import Memorised
from reports.audit.representation import Representation


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found.

    Attributes:
        results: as given; ``table``: of an output, else empty.
        rows: rows that were read; ``failed``: rows that failed and were not done since.
        without_id: rows without an id, which no file says anything of.
        left_out_scores: by score, rows of which it is infinite, no number or beyond 1e100.
        unmatched: by file, rows that it does not have, and some of their ids.
        columns: by what rows are grouped, with the rows of each group.
        rates: of all rows.
        disparities: of each group beside the others.
        leans: of occupations and the like.
        comparisons: how many p values were corrected together.
        findings: what an exit code tells of, a sentence each.
        notes: what could not be told, or only roughly.

    """

    results: str
    table: str
    model: str
    revision: str
    rows: int
    failed: int
    without_id: int
    left_out_scores: Mapping[str, int]
    unmatched: Mapping[str, tuple[int, tuple[str, ...]]]
    columns: Mapping[str, Mapping[str, int]]
    words: Mapping[str, tuple[str, tuple[str, ...]]]
    rates: tuple[Rate, ...]
    disparities: tuple[Disparity, ...]
    leans: tuple[Lean, ...]
    representation: Representation | None
    memorised: Memorised | None
    lineage: Lineage | None
    comparisons: int
    least_effect: float
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
