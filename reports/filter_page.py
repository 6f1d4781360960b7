"""The page of a filter: what each rule left out, the scores, and samples to judge by eye."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.filter_samples import read_samples
from reports.newest_run import is_newest
from reports.output_folder import write_whole
from reports.pictures import base64_of
from reports.rendering import render
from reports.small_pictures import SmallPicture, load_small_pictures, policy_for_page
from schemas.manifest import RunManifest
from schemas.verdict import Rule
from storage.latest import read_manifests
from storage.layout import FILTERS
from storage.score_bins import ScoreCounts
from storage.store import open_store
from storage.uris import absolute_uri
from storage.verdict_record import VerdictRecord, newest_verdicts

Row = Mapping[str, Any]

_SAID = {
    Rule.LICENSES: "Their licence is not among those that are allowed.",
    Rule.MIN_WORDS: "Their text has too few words.",
    Rule.MAX_WORDS: "Their text has too many words.",
    Rule.MIN_CHARACTERS: "Their text has too few characters.",
    Rule.MAX_CHARACTERS: "Their text has too many characters.",
    Rule.REQUIRED_WORDS: "Their text holds none of the required words.",
    Rule.BLOCKED_WORDS: "Their text holds a blocked word.",
    Rule.PATTERN: "The pattern is not in their text.",
    Rule.MAX_NON_LETTERS: "Too much of their text is no letters.",
    Rule.MAX_REPEATED_WORDS: "Too many words of their text were there before.",
    Rule.MIN_WIDTH: "Their picture is too narrow.",
    Rule.MIN_HEIGHT: "Their picture is too low.",
    Rule.MIN_PIXELS: "Their picture has too few pixels.",
    Rule.MAX_ASPECT_RATIO: "Their picture is too long for its width, or too wide for its height.",
    Rule.MIN_CLIP_SCORE: (
        "Text and picture are too far apart, or one of the two is missing. Those whose score is "
        "nearest to the threshold come first."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterSummary:
    """What :func:`write_filter_page` wrote; as text, a line for the terminal."""

    path: str
    judged: int
    kept: int

    def __str__(self) -> str:
        """For example ``out/report.html: 44,957 of 100,000 rows are kept``."""
        return f"{self.path}: {self.kept:,} of {self.judged:,} rows are kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Scores as a drawing of a hundred units in width and height.

    Attributes:
        bars: left edge, width, top and height of each, whether it is of what is left out, and
            what it says.
        threshold: where on the drawing it is; None where it lies outside.

    """

    low: float
    high: float
    bars: tuple[tuple[float, float, float, float, bool, str], ...]
    threshold: float | None


def is_of_verdicts(out: str) -> bool:
    """Whether the newest thing that an output holds is a filter's verdicts."""
    return is_newest(out, FILTERS, "filter")


def write_filter_page(
    out: str, destination: str | None = None, *, allow_private_addresses: bool = False
) -> FilterSummary:
    """Write a page about what a filter kept and left out.

    Args:
        out: the output, a local path or a URI.
        destination: the file to write, a local path or a URI; ``OUT/report.html`` by default.
        allow_private_addresses: whether http(s) pictures may come from this machine and private
            networks.

    Raises:
        CalummaError: a record cannot be read, or the destination's folder is not there.
        RunError: the page cannot be written.

    """
    uri = absolute_uri(out)
    store = open_store(uri)
    record = newest_verdicts(store)
    assert record is not None
    run = next(one for one in read_manifests(store) if one.run_id == record.run_id)
    samples = read_samples(store, record)
    shown = {str(row["uri"]): None for rows in samples.values() for row in rows}
    policy = policy_for_page(_named_by(uri, run), allow_private_addresses=allow_private_addresses)
    pictures = dict(zip(shown, load_small_pictures(list(shown), policy), strict=True))
    threshold = run.config.get(Rule.MIN_CLIP_SCORE.value)
    content = render(
        "filter.html",
        out=uri.rstrip("/"),
        record=record,
        catalog=str(run.config.get("catalog", "")),
        left_out=record.judged - record.kept,
        reasons=_reasons(record),
        rules=_rules(run),
        threshold=threshold,
        histogram=_histogram(record, threshold),
        scored=sum(record.scores.values()),
        lists=[
            (name, _said(name), record.broken.get(name, 0), _with_pictures(rows, pictures))
            for name, rows in samples.items()
        ],
    )
    path = destination if destination is not None else f"{out.rstrip('/')}/report.html"
    write_whole(path, content.encode())
    return FilterSummary(path=path, judged=record.judged, kept=record.kept)


def _reasons(record: VerdictRecord) -> list[tuple[str, int, float, int]]:
    """Each rule that was broken, the commonest first: its count, share, and rows not judged."""
    ordered = sorted(record.broken.items(), key=lambda item: -item[1])
    return [
        (name, count, count / record.judged, record.not_judged.get(name, 0))
        for name, count in ordered
    ]


def _rules(run: RunManifest) -> list[tuple[str, str]]:
    """What was asked for, as options."""
    names = ("license", *(rule.value for rule in Rule))
    asked = []
    for name in names:
        value = run.config.get(name)
        if value is None or value in ([], ()):
            continue
        told = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        asked.append((f"--{name.replace('_', '-')}", told))
    return asked


def _histogram(record: VerdictRecord, threshold: object) -> Histogram | None:
    bins = ScoreCounts.of_hundredths(record.scores).bins()
    if not bins or not isinstance(threshold, int | float):
        return None
    low, high = bins[0].low, bins[-1].high
    scale = 100 / (high - low)
    highest = max(one.count for one in bins)
    place = (float(np.float64(threshold)) - low) * scale
    return Histogram(
        low=low,
        high=high,
        bars=tuple(
            (
                (one.low - low) * scale,
                (one.high - one.low) * scale,
                100 - height,
                height,
                one.high <= threshold,
                f"{one.low:.2f} to {one.high:.2f}: {one.count:,}",
            )
            for one in bins
            for height in [100 * one.count / highest]
        ),
        threshold=place if 0 <= place <= 100 else None,
    )


def _said(name: str) -> str:
    return _SAID[Rule(name)] if name in _SAID else _KEPT_SAID


_KEPT_SAID = "Of what is kept, the rows whose score is nearest to the threshold."


def _with_pictures(
    rows: Sequence[Row], pictures: Mapping[str, SmallPicture]
) -> list[tuple[Row, str, str]]:
    return [
        (row, base64_of(pictures[row["uri"]].jpeg), pictures[row["uri"]].problem) for row in rows
    ]


def _named_by(out: str, run: RunManifest) -> str:
    """A local file is read only where both the output and the catalog are of this machine."""
    catalog = str(run.config.get("catalog", ""))
    return next((one for one in (out, catalog) if "://" in one), out)
