"""What a finished evaluation prints: counts, scores with intervals, what had no counterpart."""

import shlex

from reports.formatting import amount, duration
from schemas.manifest import RunManifest
from schemas.score import ALL, Score
from storage.evaluation.scores import read_scores
from storage.store import open_store
from storage.uris import absolute_uri

_MOST_SLICES = 12
_FEW_ROWS = 30


def score_lines(manifest: RunManifest, out: str) -> list[str]:
    """The lines of an evaluation's end."""
    counts = manifest.counts
    folder = out.rstrip("/")
    seconds = max(manifest.finished - manifest.started, 1e-9)
    ended = f"{counts.rows_out} out + {counts.failed} failed + {counts.skipped} skipped"
    speed = f"{counts.rows_in / seconds:.1f} rows/s"
    lines = [f"{counts.rows_in} rows in = {ended}, in {duration(seconds)} ({speed})"]
    if manifest.failures_by_kind:
        kinds = sorted(manifest.failures_by_kind.items(), key=lambda item: -item[1])
        lines.append("Failures: " + ", ".join(f"{count} {kind}" for kind, count in kinds))
        lines.append(f"Reasons: calumma runs {shlex.quote(out)} {manifest.run_id}")
    lines += _unmatched_lines(manifest)
    lines += _encoded_lines(manifest)
    scores = read_scores(open_store(absolute_uri(out)), manifest)
    lines += _table(scores)
    if any(score.count < _FEW_ROWS for score in scores):
        lines.append(
            f"Of fewer than {_FEW_ROWS} rows an interval is rough, and of one there is none."
        )
    lines.append(f"Results: {folder}/scores/run={manifest.run_id}/")
    lines.append(f"Of each row: {folder}/row_scores/run={manifest.run_id}/")
    lines.append(f"Look at them: calumma report {shlex.quote(out)}")
    return lines


def _unmatched_lines(manifest: RunManifest) -> list[str]:
    unmatched, first = manifest.config.get("unmatched"), manifest.config.get("first_unmatched")
    if not isinstance(unmatched, int) or not unmatched or not isinstance(first, list):
        return []
    without = amount(unmatched, "references")
    named = ", ".join(map(str, first))
    return [
        f"Not evaluated: {without} without a result, such as of {named}. Scores are of the rest."
    ]


def _encoded_lines(manifest: RunManifest) -> list[str]:
    """What an encoder could not score, or not whole."""
    lines = []
    without = manifest.config.get("without_vector")
    if isinstance(without, dict) and without:
        kinds = ", ".join(f"{count} {kind}" for kind, count in without.items())
        lines.append(f"Not scored by vectors: {amount(sum(without.values()), 'rows')} ({kinds}).")
    cut = manifest.config.get("texts_cut")
    if isinstance(cut, int) and cut:
        lines.append(
            f"Of {amount(cut, 'rows')} a text is longer than the encoder reads: its beginning "
            "was scored."
        )
    return lines


def _table(scores: list[Score]) -> list[str]:
    """The scores of all rows, then of the first slices, in columns."""
    slices = list(dict.fromkeys(score.slice for score in scores))
    shown = slices[: _MOST_SLICES + 1]
    rows = [
        (
            score.metric,
            "" if score.slice == ALL else score.slice,
            f"{score.value:.4f}",
            "no interval" if score.low is None else f"{score.low:.4f} to {score.high:.4f}",
            f"{score.count} rows" if score.count != 1 else "1 row",
        )
        for score in scores
        if score.slice in shown
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    lines = [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width
        ).rstrip()
        for row in rows
    ]
    left = len(slices) - len(shown)
    return [*lines, *([f"and {amount(left, 'slices')} more in the table"] if left else [])]
