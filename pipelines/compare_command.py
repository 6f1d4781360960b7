"""The command that compares two evaluations."""

import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from pipelines.run_job import tell, tell_json

if TYPE_CHECKING:
    from schemas.comparison import Comparison

_SECONDS_BETWEEN_LINES = 10.0

_Evaluation = Annotated[str, Parameter(help="Folder that calumma evaluate has written to.")]


def compare(
    a: _Evaluation,
    b: _Evaluation,
    *,
    to: str | None = None,
    by: str | None = None,
    run_a: str | None = None,
    run_b: str | None = None,
    allow_private_addresses: bool = False,
    json: bool = False,
) -> int:
    """Say whether model B is better than model A, row by row of two evaluations.

    The newest evaluation of each folder is taken. Slices are those that both were evaluated by.

    For example:
    calumma compare scores-a/ scores-b/

    calumma compare scores-a/ scores-b/ --to compare.html --by cider_d

    calumma compare scores/ scores/ --run-a 20260131-235959-ab12cd

    Parameters
    ----------
    to
        Write a page here: figures, slices, and the rows that differ most, with pictures. One HTML
        file.
    by
        Choose those rows by this metric; by default by the first of which any row differs.
    run_a
        Take this evaluation of A rather than the newest.
    run_b
        Take this evaluation of B rather than the newest.
    allow_private_addresses
        Let http(s) pictures come from this machine and private networks.
    json
        Print JSON: all figures, and the rows that differ most.
    """
    from pipelines.compare import compare_evaluations, find_both
    from reports.compared import sentence
    from reports.comparison_page import write_comparison_page
    from reports.output_folder import check_destination

    first, second = find_both(a, b, run_a=run_a, run_b=run_b)
    if to is not None:
        check_destination(to)
    rows = min(first.rows, second.rows)
    comparison = compare_evaluations(first, second, by=by, progress=_progress(rows, quiet=json))
    if json:
        said = [sentence(one) for one in comparison.differences]
        found = asdict(comparison)
        for difference, text in zip(found["differences"], said, strict=True):
            difference["sentence"] = text
        tell_json(found)
    else:
        tell("\n".join(_lines(comparison)))
    if to is not None:
        write_comparison_page(comparison, to, allow_private_addresses=allow_private_addresses)
    if not json:
        again = f"calumma compare {shlex.quote(a)} {shlex.quote(b)} --to compare.html"
        tell(f"Open the page: {to}" if to else f"As a page, with pictures: {again}")
    return 0


def _progress(rows: int, *, quiet: bool) -> Callable[[int], None]:
    """Tells now and then how far it is, on standard error."""
    last = time.monotonic()

    def told(done: int) -> None:
        nonlocal last
        if not quiet and time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"{done:,} of {rows:,} rows compared", file=sys.stderr, flush=True)  # noqa: T201

    return told


def _lines(comparison: "Comparison") -> list[str]:
    from reports.compared import counterparts, sentence, slices_said
    from reports.formatting import amount
    from schemas.score import ALL

    lines = []
    for name, run in (("A", comparison.a), ("B", comparison.b)):
        model = f", {run.model} {run.revision}".rstrip() if run.model else ""
        lines.append(f"{name}: {run.out}, run {run.run_id}{model}")
    lines.append(f"{amount(comparison.rows, 'rows')} in both")
    lines += counterparts(comparison)
    whole = [one for one in comparison.differences if one.slice == ALL]
    width = max(len(one.metric) for one in whole)
    for one in whole:
        counts = ""
        if one.wins is not None:
            counts = f" Better on {one.wins:,}, worse on {one.losses:,}, the same on {one.ties:,}."
        lines.append(f"{one.metric.ljust(width)}  {sentence(one)}{counts}")
    slices = slices_said(comparison.differences)
    if slices:
        lines.append("By slices, with p raised for their number (Holm):")
        lines += [f"{metric.ljust(width)}  {said}" for metric, said in slices.items()]
    return lines
