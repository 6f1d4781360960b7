"""The command that audits results for bias and safety."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter

from pipelines.parameters import Json
from pipelines.run_job import tell, tell_json
from schemas.errors import UsageError

if TYPE_CHECKING:
    from reports.audit.result import Audit
    from reports.audit.word_lists import WordList

FOUND = 3
"""The exit code of an audit that found something."""

_GROUPS = Parameter(group=Group("Groups and words", sort_key=1))
_PICTURES = Parameter(group=Group("What drawn pictures show", sort_key=2))
_ORIGIN = Parameter(group=Group("Training texts and licences", sort_key=3))
_MOST_RATES = 12


def audit(
    results: Annotated[
        str,
        Parameter(
            help="Folder that calumma caption, answer, generate or evaluate has written to; or "
            "Parquet files with columns asset_id and text: one, a folder, or a glob in quotes."
        ),
    ],
    *,
    table: Literal["captions", "answers", "generations", "row_scores"] | None = None,
    by: Annotated[tuple[str, ...], _GROUPS] = (),
    groups: Annotated[str | None, _GROUPS] = None,
    words: Annotated[tuple[str, ...], _GROUPS] = (),
    least_effect: Annotated[float, _GROUPS] = 0.1,
    labels: Annotated[str | None, _PICTURES] = None,
    encoder: Annotated[str, _PICTURES] = "calumma-clip",
    label_file: Annotated[str | None, _PICTURES] = None,
    reference: Annotated[str | None, _PICTURES] = None,
    training_texts: Annotated[str | None, _ORIGIN] = None,
    span: Annotated[int, _ORIGIN] = 8,
    licenses: Annotated[str | None, _ORIGIN] = None,
    allow_license: Annotated[tuple[str, ...], _ORIGIN] = (),
    to: str | None = None,
    json: Json = False,
) -> int:
    """Tell bias and safety of captions, answers and drawn pictures: by group, and by origin.

    Exit code 3 if something was found: groups that differ, pictures unlike a reference, repeated
    training texts, or licences that are missing or not allowed.

    For example:
    calumma audit out/ --by region --to audit.html

    calumma audit scores/ --groups people.csv

    calumma audit drawn/ --labels "a red circle,a blue circle"

    calumma audit out/ --training-texts train.parquet --licenses catalog.csv --allow-license CC0

    Parameters
    ----------
    table
        Of an output that holds several: what to audit.
    by
        Compare the rows of each value of this column with the others; may be given several times.
    groups
        File of asset_id and groups (Parquet, CSV or JSON lines), where results do not have them.
    words
        Count the terms of a list of yours too, NAME=FILE: one a line, or TOML; may be repeated.
    least_effect
        The smallest difference that counts, as Cohen's h, d or w.
    labels
        Tell which of these texts is nearest to each drawn picture, parted by commas.
    encoder
        The dual encoder that tells it.
    label_file
        Labels of a classifier of yours instead: a file of asset_id, label and, of several
        samples, sample_number. Needs --reference.
    reference
        File of label and share that labels are compared with; without, all --labels are to be as
        many.
    training_texts
        File with a column text: find what repeats it word by word.
    span
        Words of the shortest repeat that counts.
    licenses
        File of asset_id and license, such as the catalog, for rows that name no licences.
    allow_license
        What a licence may be; may be given several times. Without, any that is known will do.
    to
        Write a page to look at: an HTML file.
    """
    from reports.audit.audit import AuditSettings
    from reports.audit.audit import audit as audit_results
    from reports.audit.representation import read_reference
    from reports.audit.word_lists import shipped_lists

    named = _labels(labels, label_file)
    if reference is not None and not (named or label_file):
        raise UsageError("--reference is for labels: it goes with --labels or --label-file.")
    if label_file is not None and reference is None:
        raise UsageError(
            "--label-file needs --reference FILE, a file of label and share, with all labels that "
            "a picture could have: one that no picture has is not seen otherwise."
        )
    if span < 2:
        raise UsageError(f"--span must be 2 words or more, not {span}.")
    if not 0 <= least_effect < math.inf:
        raise UsageError(f"--least-effect must be 0 or more, not {least_effect}.")
    if to is not None and "://" not in to and not (target := Path(to).absolute()).parent.is_dir():
        raise UsageError(f"There is no folder {target.parent} to write {target.name} into.")
    found = audit_results(
        AuditSettings(
            results=results,
            table=table,
            by=by,
            groups=groups or "",
            lists=(*shipped_lists(), *_own_lists(words)),
            labels=named,
            encoder=encoder,
            label_file=label_file or "",
            reference=read_reference(reference) if reference is not None else {},
            training_texts=training_texts or "",
            span=span,
            allowed=allow_license,
            licenses=licenses or "",
            least_effect=least_effect,
        )
    )
    if to is not None:
        from reports.audit_page import write_audit_page

        write_audit_page(found, to)
    if json:
        tell_json(_plain(asdict(found)))
    else:
        tell("\n".join(_lines(found, to)))
    return FOUND if found.findings else 0


def _labels(labels: str | None, label_file: str | None) -> tuple[str, ...]:
    if labels is None:
        return ()
    if label_file is not None:
        raise UsageError("Name labels with --labels or --label-file, one of the two.")
    found = tuple(text for part in labels.split(",") if (text := part.strip()))
    if len(found) < 2 or len(set(found)) < len(found):
        raise UsageError('--labels needs two different texts at least: "a red circle,a blue one".')
    return found


def _own_lists(words: tuple[str, ...]) -> "list[WordList]":
    from reports.audit.word_lists import NAMES, read_word_list

    found: list[WordList] = []
    for one in words:
        name, _, uri = one.partition("=")
        if not name or not uri:
            raise UsageError(f"--words must be NAME=FILE, not {one!r}.")
        if name in NAMES or any(name == other.name for other in found):
            raise UsageError(f"There is a list of words {name!r} already: give yours another name.")
        found.append(read_word_list(name, uri))
    return found


def _lines(found: "Audit", to: str | None) -> list[str]:
    from reports.formatting import amount, printable

    what = found.table.replace("_", " ") or "texts"
    failed = f" and {amount(found.failed, 'failures')}" if found.failed else ""
    model = f", by {found.model} {found.revision}" if found.model else ""
    lines = [f"{found.results}: {amount(found.rows, 'rows')} of {what}{failed}{model}", ""]
    shown = [one for one in found.rates if one.value or one.measure.topic == "quality"]
    names = [
        f"{one.measure.source}: {one.measure.name}" if one.measure.source else one.measure.name
        for one in shown[:_MOST_RATES]
    ]
    width = max(map(len, names), default=0)
    for name, one in zip(names, shown, strict=False):
        value = f"{100 * one.value:6.2f} %" if one.is_share else f"{one.value:8.4f}"
        ends = "no interval"
        if one.low is not None and one.high is not None:
            scale = 100 if one.is_share else 1
            ends = f"{scale * one.low:.4g} to {scale * one.high:.4g}"
        lines.append(f"{name.ljust(width)}  {value}  {ends}")
    if len(shown) > _MOST_RATES:
        lines.append(f"and {len(shown) - _MOST_RATES} more on the page (--to)")
    if not names:
        lines.append("No term of a word list, no refusal and no empty text.")
    lines.append("")
    if found.findings:
        lines += [f"Found: {one}" for one in found.findings]
    else:
        lines.append("Nothing was found.")
    lines += [f"Note: {one}" for one in found.notes]
    lines.append("What an audit cannot show is said on its page and in docs/audit.md.")
    lines.append(f"Page: {to}" if to else "To look at all of it: the same with --to audit.html")
    return [printable(line) for line in lines]


def _plain(value: Any) -> Any:
    """A value as JSON has it: no infinite numbers and none that are none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
