"""What an evaluation says: of all rows and of slices, and of each row."""

from dataclasses import dataclass
from typing import Annotated

from schemas.vectors import Float64, Float64Vector, Int64, OptionalFloat64

ALL = "all"
"""The slice of all rows; others are ``column=value``."""

LOWER_IS_BETTER = frozenset({"first_rank"})
"""Scores of rows of which the lowest value is the best."""

NEITHER_IS_BETTER = frozenset({"distinct_codes"})
"""Scores of rows that say nothing of how good a row is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A metric of all rows, or of a slice of them."""

    metric: Annotated[str, "name of the metric (docs/evaluate.md)"]
    slice: Annotated[str, "all, or column=value for the rows that have that value"]
    value: Annotated[Float64, "the metric of these rows, on the scale that docs/evaluate.md gives"]
    low: Annotated[OptionalFloat64, "lower end of the 95 % interval; null where there is none"]
    high: Annotated[OptionalFloat64, "upper end of the 95 % interval; null where there is none"]
    count: Annotated[Int64, "rows that had a part in it"]
    model: Annotated[str, "the model that made the results, where they say so"]
    revision: Annotated[str, "and its revision"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowScore:
    """The scores of one row of results."""

    key: Annotated[str, "row key, 32 hexadecimal digits"]
    asset_id: Annotated[str, "id of the asset"]
    question_id: Annotated[
        str, "id of the question, or what else tells an asset's rows apart; empty for captions"
    ]
    text: Annotated[str, "the caption, the answer, the prompt or the query"]
    references: Annotated[
        tuple[str, ...], "what it was compared with: texts, or the ids that a query was to find"
    ]
    metrics: Annotated[tuple[str, ...], "names of the scores"]
    scores: Annotated[Float64Vector, "one score for each name; NaN where the row has none"]
    slices: Annotated[tuple[str, ...], "the slices that the row is in, all aside"]
    uri: Annotated[str, "where the picture is, as the results have it"]
    model: Annotated[str, "the model that made the row, where the results say so"]
    revision: Annotated[str, "and its revision"]
    attributes: Annotated[str, "the catalog's other columns, as JSON text"]
