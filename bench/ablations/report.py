"""The tables: each claim with what came out."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.ablations.intervals import Estimate
from bench.ablations.measuring import Measured
from bench.ablations.plan import CLAIMS, VARIANTS, Claim, lower_is_better
from bench.ablations.training_runs import steps_to

Curve = Sequence[tuple[int, float]]
"""Steps, and the loss of held-out documents behind each."""


def tables(measured: Mapping[str, Sequence[Measured]]) -> Iterator[str]:
    """Lines of Markdown.

    Args:
        measured: of each variant's seeds, in their order.

    """
    for claim in CLAIMS:
        yield f"### {claim.name}"
        yield ""
        yield claim.says
        yield ""
        yield from _claim_table(claim, measured[claim.without], measured[claim.having])
        yield ""


def _claim_table(
    claim: Claim, without: Sequence[Measured], having: Sequence[Measured]
) -> Iterator[str]:
    titles = VARIANTS[claim.without].title, VARIANTS[claim.having].title
    yield f"| measure | {titles[0]} | {titles[1]} | difference | the claim |"
    yield "|---|---|---|---|---|"
    for measure in claim.measures:
        before, after = table_of(without, measure), table_of(having, measure)
        if before is None and after is None:
            continue
        cells = [
            "not asked" if one is None else written(measure, Estimate.of(one))
            for one in (before, after)
        ]
        difference, verdict = "", ""
        if before is not None and after is not None:
            change = Estimate.of(after - before)
            difference = written(measure, change, sign=True)
            verdict = judged(measure, change)
        yield f"| {measure} | {cells[0]} | {cells[1]} | {difference} | {verdict} |"


def table_of(seeds: Sequence[Measured], measure: str) -> NDArray[np.float64] | None:
    """Values of shape (seeds, items) of a measure; None where it was not taken, or of no item."""
    rows = [one.get(measure) for one in seeds]
    if any(row is None for row in rows):
        return None
    names = sorted(rows[0] or {})
    if not names:
        return None
    return np.array([[row[name] for name in names] for row in rows if row is not None])


def judged(measure: str, change: Estimate) -> str:
    """What a difference says of the claim that it is for the better."""
    if change.low <= 0 <= change.high:
        return "not told apart"
    better = (change.mean < 0) == lower_is_better(measure)
    return "as claimed" if better else "the other way"


def written(measure: str, one: Estimate, *, sign: bool = False) -> str:
    """An estimate with its interval: losses in nats, shares in percent."""
    plus = "+" if sign else ""
    if lower_is_better(measure):
        return f"{one.mean:{plus}.3f} ({one.low:{plus}.3f} to {one.high:{plus}.3f})"
    # A share lies between 0 and 1, whatever the interval's formula.
    low, high = (one.low, one.high) if sign else (max(one.low, 0), min(one.high, 1))
    if sign:
        points = [f"{100 * value:+.1f}" for value in (one.mean, low, high)]
        return f"{points[0]} points ({points[1]} to {points[2]})"
    return f"{one.mean:.1%} ({low:.1%} to {high:.1%})"


def steps_table(without: Sequence[Curve], having: Sequence[Curve]) -> Iterator[str]:
    """Markdown: at which step retrieval reaches the loss that training without it ends with."""
    yield "### Steps to equal loss"
    yield ""
    yield (
        "With retrieval (two documents shown) the loss of held-out documents falls sooner to where "
        "training without (none shown) ends."
    )
    yield ""
    yield "| seed | last loss without | last loss with | reached at step | of |"
    yield "|---|---|---|---|---|"
    shares = []
    for seed, (one, other) in enumerate(zip(without, having, strict=True)):
        steps, last = one[-1]
        reached = steps_to(other, last)
        shares.append(None if reached is None else reached / steps)
        shown = "not reached" if reached is None else f"{reached:.0f}"
        yield f"| {seed} | {last:.3f} | {other[-1][1]:.3f} | {shown} | {steps} |"
    yield ""
    reached_shares = [share for share in shares if share is not None]
    if len(reached_shares) < len(shares):
        yield f"Reached with {len(reached_shares)} of {len(shares)} seeds."
        return
    share = Estimate.of(np.array(reached_shares)[:, None])
    yield f"Share of the steps: {share.mean:.2f} ({share.low:.2f} to {share.high:.2f}, over seeds)."
