"""What a finished job prints: what it did, where the results are, what to type next."""

import sys
import time

from schemas.manifest import RunManifest
from transforms.tally import Tally

_MOST_KINDS = 6


def print_summary(
    manifest: RunManifest, tally: Tally, out: str, *, suggest_report: bool = True
) -> None:
    """Print a run's end on standard output."""
    print("\n".join(summary_lines(manifest, tally, out, suggest_report=suggest_report)))  # noqa: T201
    sys.stdout.flush()


def summary_lines(
    manifest: RunManifest, tally: Tally, out: str, *, suggest_report: bool = True
) -> list[str]:
    """The lines of a run's end."""
    counts = manifest.counts
    folder = out.rstrip("/")
    seconds = max(manifest.finished - manifest.started, 1e-9)
    done = counts.rows_out + counts.failed
    lines = []
    if manifest.state == "stopped":
        lines.append(
            f"Stopped: too many rows failed. {manifest.rows_left} rows were not reached; what was "
            "done is kept."
        )
    elif done == 0:
        lines.append(f"Nothing new: all {counts.skipped} rows were done before.")
    lines.append(
        f"{counts.rows_in} rows in = {counts.rows_out} out + {counts.failed} failed + "
        f"{counts.skipped} skipped, in {_duration(seconds)}"
        + (f" ({done / seconds:.1f} rows/s)" if done else "")
    )
    if manifest.failures_by_kind:
        kinds = sorted(manifest.failures_by_kind.items(), key=lambda item: -item[1])[:_MOST_KINDS]
        lines.append("Failures: " + ", ".join(f"{count} {kind}" for kind, count in kinds))
    if tally.model_loads:
        lines.append(
            f"Model {manifest.model} ({manifest.revision}): loaded {tally.model_loads} time"
            f"{'' if tally.model_loads == 1 else 's'} in {tally.load_seconds:.1f} s, "
            f"{tally.model_seconds:.1f} s of work"
        )
    if counts.rows_out:
        lines.append(f"Results: {folder}/{manifest.table}/run={manifest.run_id}/")
    if counts.failed:
        lines.append(f"Reasons: calumma runs {out} {manifest.run_id}")
    if suggest_report and done:
        lines.append(f"Next: calumma report {out}")
    return lines


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return time.strftime("%H:%M:%S", time.gmtime(seconds))
