"""Which differences of an audit count, once their p values are corrected together."""

from collections.abc import Sequence
from dataclasses import replace

from reports.audit.disparity import Disparity, counts
from reports.audit.intervals import corrected
from reports.audit.leans import Lean
from reports.audit.representation import Representation


def judged(
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
    leaning = [replace(lean, disparity=one) for lean, one in zip(leans, told[first:], strict=True)]
    return told[:first], leaning, shown
