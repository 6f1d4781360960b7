"""What a comparison says, in plain sentences."""

from collections.abc import Sequence

from reports.formatting import amount, number
from schemas.comparison import Comparison, Difference, Verdict
from schemas.score import ALL

_MOST_ROWS = 1_000_000_000
_MOST_NAMED = 6


def sentence(one: Difference) -> str:
    """The sentence of a metric: B is better, worse, or it cannot be told, and with how many rows.

    For example ``B is better with 1,497 rows: 0.7121 against 0.6999, +0.0122 (95 % interval
    +0.0040 to +0.0201), p = 0.0032.``
    """
    rows = amount(one.rows, "rows")
    if one.p is None:
        return f"Cannot tell with {rows}: {_values(one)}. That is too little to tell by."
    if not one.difference and not one.wins and not one.losses:
        if one.wins is None:
            return f"Cannot tell with {rows}: it is {one.a:.4f} of both."
        return f"Cannot tell with {rows}: the scores are the same on each, {one.a:.4f}."
    told = f"{_values(one)}{_interval(one)}, {chance(one.p_adjusted)}."
    if one.verdict is not Verdict.UNKNOWN:
        return f"B is {one.verdict} with {rows}: {told}"
    return f"Cannot tell with {rows}: {told}{_power(one)}"


def chance(p: float | None) -> str:
    """A p-value: ``p = 0.032``, ``p < 0.0001``."""
    if p is None:
        return "no p"
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.4f}" if p < 0.01 else f"p = {p:.3f}"


def counterparts(comparison: Comparison) -> list[str]:
    """Which rows were compared, and which were not."""
    lines = []
    for name, run in (("A", comparison.a), ("B", comparison.b)):
        if run.alone:
            more = ", ..." if run.alone > len(run.first_alone) else ""
            named = ", ".join(run.first_alone)
            lines.append(
                f"Only {name} has {amount(run.alone, 'rows')}, of {named}{more}. They are left out."
            )
    if comparison.weighed_anew:
        lines.append(
            "CIDEr was computed anew, its n-grams weighed by the rows of both: it differs from "
            "the evaluations'."
        )
    if comparison.slices_left_out:
        named = ", ".join(comparison.slices_left_out)
        lines.append(f"Only one of them is sliced by {named}: those slices are left out.")
    if comparison.left_out:
        named = ", ".join(comparison.left_out)
        lines.append(f"Left out, since only one has it or it cannot be made of the rows: {named}.")
    return lines


def slices_said(differences: Sequence[Difference]) -> dict[str, str]:
    """What the slices of each metric say; nothing without slices.

    For example ``6 slices: B is better in 1 (shelf=2); cannot tell in 5.``
    """
    said = {}
    for metric in dict.fromkeys(one.metric for one in differences):
        some = [one for one in differences if one.metric == metric and one.slice != ALL]
        if not some:
            continue
        parts = []
        for verdict in (Verdict.BETTER, Verdict.WORSE):
            names = [one.slice for one in some if one.verdict is verdict]
            if names:
                more = ", ..." if len(names) > _MOST_NAMED else ""
                named = ", ".join(names[:_MOST_NAMED])
                parts.append(f"B is {verdict} in {number(len(names))} ({named}{more})")
        unknown = sum(one.verdict is Verdict.UNKNOWN for one in some)
        if unknown:
            parts.append(f"cannot tell in {number(unknown)}")
        said[metric] = f"{amount(len(some), 'slices')}: {'; '.join(parts)}."
    return said


def _values(one: Difference) -> str:
    return f"{one.b:.4f} against {one.a:.4f}, {one.difference:+.4f}"


def _interval(one: Difference) -> str:
    if one.low is None or one.high is None:
        return ""
    return f" (95 % interval {one.low:+.4f} to {one.high:+.4f})"


def _power(one: Difference) -> str:
    parts = []
    if one.rows_needed is not None:
        needed = number(one.rows_needed)
        if one.rows_needed > _MOST_ROWS:
            needed = f"more than {number(_MOST_ROWS)}"
        elif one.rows_needed >= 100:
            needed = f"about {number(_rounded(one.rows_needed))}"
        if one.rows_needed > one.rows:
            parts.append(f"To show this difference takes {needed} rows")
    if one.detectable:
        parts.append(f"{amount(one.rows, 'rows')} show one of {one.detectable:.4f}")
    return f" {'; '.join(parts)}." if parts else ""


def _rounded(value: int) -> int:
    """Two digits: more would look like more than is known."""
    return int(float(f"{value:.1e}"))
