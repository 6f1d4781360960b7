"""What an audit found, in plain sentences."""

from collections.abc import Iterator

from reports.audit.disparity import LEAST_ROWS, Disparity
from reports.audit.leans import Lean
from reports.audit.lineage import Lineage
from reports.audit.memorised import Memorised
from reports.audit.representation import Representation
from reports.audit.result import Audit
from reports.formatting import amount, number, percent

LIMITS = (
    "Words are matched, not understood: an ambiguous word, irony, or a term that no list has.",
    "The lists that ship are English. Texts in other languages need lists of yours.",
    "A caption that names a trait need not be right about it: that needs labels by people.",
    "What no column says, and who is in no picture, cannot be seen; nor where two groups overlap.",
    "A difference is no proof of its cause: a group's pictures may be harder, or of other things.",
    "No difference found is no proof of fairness: with few rows only large ones can be found.",
    "References and scores have biases of their own, which quality by group takes over.",
    "Labels by an encoder have that encoder's mistakes and biases.",
    "Spans of words show copies word by word, and common phrases; not paraphrases nor pictures.",
    "A licence is what a file says it is.",
)
"""What an audit cannot show."""

_MOST_SAID = 20


def findings(audit: Audit) -> Iterator[str]:
    """What was found, the largest difference first."""
    found = sorted((one for one in audit.disparities if one.found), key=lambda one: -_size(one))
    for one in found[:_MOST_SAID]:
        yield _difference(one, audit.comparisons)
    if len(found) > _MOST_SAID:
        yield f"And {len(found) - _MOST_SAID} smaller differences between groups."
    leans = sorted((one for one in audit.leans if one.disparity.found), key=_lean_size)
    for lean in leans[:_MOST_SAID]:
        yield _leaning(lean)
    if len(leans) > _MOST_SAID:
        yield f"And {len(leans) - _MOST_SAID} more terms that lean to one side."
    if audit.representation is not None and audit.representation.found:
        yield _represented(audit.representation)
    if audit.memorised is not None and audit.memorised.found:
        yield _repeated(audit.memorised)
    if audit.lineage is not None:
        yield from _licences(audit.lineage)


def notes(audit: Audit) -> Iterator[str]:
    """What was not found, what could not be told, and what only roughly."""
    tested = [one for one in audit.disparities if one.chance is not None]
    if tested and not any(one.found for one in audit.disparities):
        yield f"No group differs from the others, by {amount(len(tested), 'comparisons')}."
    for column, groups in audit.columns.items():
        if len(groups) < 2:
            yield f"All rows have the same {column}: there is nothing to compare."
        few = [f"{name} ({rows})" for name, rows in groups.items() if rows < LEAST_ROWS]
        if few and len(groups) > 1:
            more = f" and {len(few) - 8} more" if len(few) > 8 else ""
            yield (
                f"Too few rows to tell much of {column} {', '.join(few[:8])}{more}: intervals are "
                f"wide, and means of fewer than {LEAST_ROWS} rows are not compared."
            )
    for uri, (rows, ids) in audit.unmatched.items():
        yield f"{uri} does not have {amount(rows, 'rows')}, of {', '.join(ids)}{_more(rows, ids)}."
    if audit.without_id:
        yield f"{amount(audit.without_id, 'rows')} without asset_id: no file says anything of them."
    for name, rows in audit.left_out_scores.items():
        yield (
            f"{name} of {amount(rows, 'rows')} is infinite, no number or beyond 1e100: left out of "
            "its mean and of comparisons."
        )
    shown = audit.representation
    if shown is not None and shown.unlabelled:
        without = amount(shown.unlabelled, "pictures")
        yield f"{without} without a label by {shown.labelled_by} are left out."
    if shown is not None and not shown.found:
        yield (
            f"Labels of {amount(shown.rows, 'pictures')} are not unlike the reference: "
            f"{shown.distance:.3f} away, where chance makes about {shown.by_chance:.3f}."
        )
    if audit.memorised is not None:
        yield from _memory_notes(audit.memorised)
    licences = audit.lineage
    if licences is not None and licences.unknown_ids:
        first = ", ".join(licences.first_unknown)
        lacks = amount(licences.unknown_ids, "ids")
        yield (
            f"The file of licences lacks {lacks}, such as {first}: they count as of no known "
            "licence."
        )


def _difference(one: Disparity, comparisons: int) -> str:
    name = f"{one.column}={one.group}"
    corrected = one.corrected or 0.0
    sure = "p < 0.001" if corrected < 0.001 else f"p = {corrected:.3f}"
    after = f"{sure}, corrected for {amount(comparisons, 'comparisons')}"
    low, high = one.difference_low or 0.0, one.difference_high or 0.0
    less = one.difference < 0
    ends = sorted((abs(low), abs(high)))
    if one.is_share:
        span = f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"
        by = f"{100 * abs(one.difference):.1f} points {'rarer' if less else 'more frequent'}"
        shares = f"{_share(one.value)}, not {_share(one.other)}"
        return f"{_said(one)} is {by} in {name} ({shares}; interval {span}; {after})."
    span = f"{ends[0]:.3g} to {ends[1]:.3g}"
    by = f"{abs(one.difference):.3g} {'lower' if less else 'higher'}"
    means = f"{one.value:.3g}, not {one.other:.3g}"
    return f"{_said(one)} of {name} is {by} than of the others ({means}; interval {span}; {after})."


def _said(one: Disparity) -> str:
    said = {"empty": "An empty text", "refused": "A refusal", "failed": "A failure"}
    if one.measure.topic == "terms":
        return f"A text with a word of “{one.measure.name}” ({one.measure.source})"
    return said.get(one.measure.name, one.measure.name)


def _leaning(lean: Lean) -> str:
    one = lean.disparity
    return (
        f"Of {amount(one.rows, 'texts')} with “{lean.term}” and a word either {lean.against} or "
        f"{lean.other}, {_share(one.value)} are {lean.against}; of the others {_share(one.other)}."
    )


def _represented(shown: Representation) -> str:
    most = shown.shares[0]
    furthest = max(shown.shares, key=lambda one: abs(one.share - one.reference))
    named = furthest if furthest != most else most
    return (
        f"What {amount(shown.rows, 'pictures')} of neutral prompts show is unlike the reference: "
        f"{_share(named.share)} are “{named.label}” rather than {_share(named.reference)}; "
        f"{_share(shown.distance)} would have to show something else."
    )


def _repeated(memorised: Memorised) -> str:
    longest = ""
    if memorised.longest:
        one = memorised.longest[0]
        longest = f" The longest is {one.words} words, of {one.asset_id}."
    repeat = "repeats" if memorised.found == 1 else "repeat"
    return (
        f"{amount(memorised.found, 'texts')} ({percent(memorised.found, memorised.rows)}) {repeat} "
        f"{memorised.least} words or more of a training text.{longest}"
    )


def _licences(found: Lineage) -> Iterator[str]:
    for what, rows, said in (
        ("missing", found.missing, "on something of no known licence"),
        ("refused", found.refused, f"on something not under {' or '.join(found.allowed)}"),
    ):
        if rows:
            ids = [name for one, name in found.examples if one == what][:5]
            stand = "stands" if rows == 1 else "stand"
            yield (
                f"{amount(rows, 'rows')} ({percent(rows, found.rows)}) {stand} {said}, such as "
                f"{', '.join(ids)}."
            )


def _memory_notes(found: Memorised) -> Iterator[str]:
    if not found.found:
        yield (
            f"No text repeats {found.least} words or more of "
            f"{amount(found.training_texts, 'training texts')}."
        )
    if found.short:
        yield (
            f"{amount(found.short, 'texts')} of fewer than {found.least} words cannot repeat so "
            "many."
        )
    if found.compared < found.found:
        yield (
            f"{number(found.found - found.compared)} of the texts that repeat were told by hashes "
            "alone, which differ by 64 bits; the longest are of the others."
        )


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _size(one: Disparity) -> float:
    return abs(one.effect)


def _lean_size(one: Lean) -> float:
    return -abs(one.disparity.effect)


def _more(rows: int, ids: tuple[str, ...]) -> str:
    return ", ..." if rows > len(ids) else ""
