"""What a comparison of two evaluations says: metric by metric, slice by slice, and example rows."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What is said of B."""

    BETTER = "better"
    WORSE = "worse"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """One of the two evaluations.

    Attributes:
        out: its output.
        run_id: its run.
        results: what was evaluated.
        model, revision: that made the results, where they say so.
        rows: that it scored.
        alone: those of them that the other has not; ``first_alone`` names the first.

    """

    out: str
    run_id: str
    results: str
    model: str
    revision: str
    rows: int
    alone: int
    first_alone: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A metric of all rows, or of a slice of them, of B against A.

    Attributes:
        a, b: the metric of the rows that both have.
        difference: b - a.
        low, high: ends of the difference's 95 % interval; None of fewer than two rows.
        p: chance of such a difference if the models were alike; None where it cannot be told.
        p_adjusted: the same, raised for the number of slices; of all rows it is ``p``.
        verdict: by ``p_adjusted``, at 5 %.
        rows: that both models have a score of.
        wins, losses, ties: rows on which B is better, worse, the same; None of a metric that is no
            mean over rows.
        detectable: the smallest difference that so many rows find in 80 of 100 cases.
        rows_needed: how many rows find this difference in 80 of 100 cases; None of no difference.

    """

    metric: str
    slice: str
    a: float
    b: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    verdict: Verdict
    rows: int
    wins: int | None
    losses: int | None
    ties: int | None
    detectable: float | None
    rows_needed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """A row of both, as an example.

    Attributes:
        question: its text, where the results tell it.
        a_text, b_text: what the models said.
        a_score, b_score: by the metric that examples are chosen by.
        a_uri, b_uri: where the picture is, as the results have it: of drawings each model's own.

    """

    asset_id: str
    question_id: str
    question: str
    a_text: str
    b_text: str
    a_score: float
    b_score: float
    references: tuple[str, ...]
    a_uri: str
    b_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two evaluations compared.

    Attributes:
        kind: what was evaluated: ``captions`` or ``answers``.
        rows: that both have.
        weighed_anew: whether CIDEr was computed anew, its n-grams weighed by the rows of both.
        left_out: metrics that only one evaluation has, or that cannot be compared row by row.
        slices_left_out: columns that only one of them is sliced by.
        differences: of all rows first, then slice by slice.
        examples_by: the metric that examples are chosen by; empty where no row differs.
        wins, losses: the rows on which B is better, or worse, by most.

    """

    a: ComparedRun
    b: ComparedRun
    kind: str
    rows: int
    weighed_anew: bool
    left_out: tuple[str, ...]
    slices_left_out: tuple[str, ...]
    differences: tuple[Difference, ...]
    examples_by: str
    wins: tuple[ComparedRow, ...]
    losses: tuple[ComparedRow, ...]
