"""The page of a comparison: what it says, by how much, and the rows on which models differ most."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.compared import chance, counterparts, sentence, slices_said
from reports.evaluated_pictures import PicturedRow, load_evaluated_pictures
from reports.output_folder import write_whole
from reports.pictures import base64_of
from reports.rendering import render
from schemas.comparison import ComparedRow, Comparison, Difference, Verdict
from schemas.score import ALL

_LONGER_SIDE = 192
_MOST_CHARACTERS = 2000
_MOST_REFERENCES = 5
# Of all other kinds of results both models have the same picture.
_DRAWINGS = "generations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A difference and its interval, on a drawing of a hundred units with 0 in the middle."""

    low: float
    high: float
    middle: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A difference as the page shows it."""

    of: Difference
    said: str
    chance: str
    plot: Plot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamplePicture:
    """A picture of an example: whose it is, if each model has one, and its JPEG in base64, or why
    there is none.
    """

    of: str
    jpeg: str
    problem: str


@dataclass(frozen=True, slots=True)
class Example:
    """A row, with the picture that both described, or with both that were drawn."""

    row: ComparedRow
    pictures: list[ExamplePicture]


def write_comparison_page(
    comparison: Comparison, destination: str, *, allow_private_addresses: bool = False
) -> None:
    """Load the pictures of the examples, and write one self-contained HTML file.

    Args:
        destination: the file to write, a local path or a URI.
        allow_private_addresses: whether http(s) pictures may come from this machine and private
            networks.

    Raises:
        UsageError: the destination's folder is not there.
        RunError: the page cannot be written.

    """
    whole = [one for one in comparison.differences if one.slice == ALL]
    headline = next((one for one in whole if one.metric == comparison.examples_by), whole[0])
    content = render(
        "comparison.html",
        styles=("comparison",),
        comparison=comparison,
        headline=headline,
        title=_title(headline),
        notes=counterparts(comparison),
        whole=[_shown(one, _reach([one])) for one in whole],
        slices=_slices(comparison),
        lists=_lists(comparison, allow_private_addresses=allow_private_addresses),
        most_characters=_MOST_CHARACTERS,
        most_references=_MOST_REFERENCES,
    )
    write_whole(destination, content.encode())


def _title(one: Difference) -> str:
    if one.verdict is Verdict.UNKNOWN:
        return f"Cannot tell by {one.metric} which is better"
    return f"B is {one.verdict} by {one.metric}"


def _shown(one: Difference, reach: float) -> Shown:
    plot = None
    if one.low is not None and one.high is not None and reach:
        low, high, middle = (50 + 48 * x / reach for x in (one.low, one.high, one.difference))
        plot = Plot(low=low, high=high, middle=middle)
    return Shown(of=one, said=sentence(one), chance=chance(one.p_adjusted), plot=plot)


def _reach(some: Sequence[Difference]) -> float:
    """The farthest that any interval is from 0."""
    ends = [
        abs(end) for one in some for end in (one.low, one.high, one.difference) if end is not None
    ]
    return max(ends, default=0.0)


def _slices(comparison: Comparison) -> list[tuple[str, str, list[Shown]]]:
    """What the slices of each metric say, and they on one scale, the least by chance first."""
    said = slices_said(comparison.differences)
    found = []
    for metric in dict.fromkeys(one.metric for one in comparison.differences):
        some = [one for one in comparison.differences if one.metric == metric and one.slice != ALL]
        some.sort(key=lambda one: (one.p_adjusted is None, one.p_adjusted, one.slice))
        if some:
            reach = _reach(some)
            found.append((metric, said[metric], [_shown(one, reach) for one in some]))
    return found


def _lists(
    comparison: Comparison, *, allow_private_addresses: bool
) -> list[tuple[str, str, list[Example]]]:
    """The examples: heading, name, and rows with their pictures."""
    rows = [*comparison.wins, *comparison.losses]
    named_by = (comparison.a.out, comparison.b.out, comparison.a.results, comparison.b.results)
    sides = [("A", comparison.a.results, [row.a_uri for row in rows])]
    if comparison.kind == _DRAWINGS:
        sides.append(("B", comparison.b.results, [row.b_uri for row in rows]))
    shown: list[list[ExamplePicture]] = [[] for _ in rows]
    for name, results, uris in sides:
        pictures = load_evaluated_pictures(
            [
                PicturedRow(asset_id=row.asset_id, question_id=row.question_id, uri=uri)
                for row, uri in zip(rows, uris, strict=True)
            ],
            results,
            named_by,
            longer_side=_LONGER_SIDE,
            allow_private_addresses=allow_private_addresses,
        )
        for some, uri in zip(shown, uris, strict=True):
            found = pictures[uri]
            some.append(
                ExamplePicture(
                    of=name if len(sides) > 1 else "",
                    jpeg=base64_of(found.jpeg),
                    problem=found.problem,
                )
            )
    examples = list(map(Example, rows, shown))
    wins = len(comparison.wins)
    return [
        ("Where B is better by most", "wins", examples[:wins]),
        ("Where B is worse by most", "losses", examples[wins:]),
    ]
