"""Who is named with what: of the texts with a term the share of one of two categories."""

from dataclasses import dataclass

from reports.audit.disparity import Disparity, Measure
from reports.audit.intervals import share_chance, share_difference, share_effect, share_interval
from reports.audit.terms import Leaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Lean:
    """A term beside a pair of categories: of the texts with it, who else is named.

    Attributes:
        source: the term's list.
        against: the first category, of whose words are the shares; ``other``: the second.
        disparity: the texts with the term as the group, the other texts with either category as
            the others.

    """

    source: str
    term: str
    against: str
    other: str
    disparity: Disparity


def lean_of(one: Leaning) -> Lean:
    """Compare the texts with a term with the others. Each text counts as one row."""
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
