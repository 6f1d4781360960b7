"""What a finished job prints: what it did, where the results are, what to type next."""

import shlex
import sys

from reports.formatting import amount, duration
from schemas.manifest import RunManifest
from storage.duplicates.record import DuplicatesRecord, read_record
from storage.reconstructions import Quality, read_quality
from storage.store import open_store
from storage.uris import absolute_uri
from storage.verdict_record import VerdictRecord, read_verdicts
from transforms.tally import Tally

_MOST_KINDS = 6
_MOST_WORKERS = 6
_ROWS_BEFORE_JUDGING = 10
_WITHOUT_PAGE = ("tokenize", "reconstruct", "structure")


def print_summary(
    manifest: RunManifest, tally: Tally, out: str, *, suggest_report: bool = True
) -> None:
    """Print a run's end on standard output."""
    print("\n".join(summary_lines(manifest, tally, out, suggest_report=suggest_report)))  # noqa: T201
    sys.stdout.flush()


def nothing_succeeded(manifest: RunManifest) -> bool:
    """Whether a run tried ten rows or more and all failed: as when a bucket is away for a night.

    The failure limit is not judged before a hundred rows, and a night may have fewer. Where all
    rows may fail, by a limit of 1, nobody wants to be told.
    """
    counts = manifest.counts
    if manifest.config.get("max_failure_rate") == 1:
        return False
    return counts.rows_out == 0 and counts.failed >= _ROWS_BEFORE_JUDGING


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
    elif counts.rows_in == 0:
        lines.append("The catalog has no rows.")
    elif done == 0 and manifest.config.get("keep"):
        lines.append("Nothing new: all rows are known, or are not on the keep-list.")
    elif done == 0:
        lines.append(
            f"Nothing new: all {counts.skipped} rows are known. Those that failed for good are "
            "tried again with --only-failed."
        )
    elif nothing_succeeded(manifest):
        lines.append("None of the rows that were tried succeeded.")
    lines.append(
        f"{counts.rows_in} rows in = {counts.rows_out} out + {counts.failed} failed + "
        f"{counts.skipped} skipped, in {duration(seconds)}"
        + (f" ({done / seconds:.1f} rows/s)" if done else "")
    )
    if manifest.failures_by_kind:
        kinds = sorted(manifest.failures_by_kind.items(), key=lambda item: -item[1])[:_MOST_KINDS]
        named = [f"{count} {kind}" for kind, count in kinds]
        others = sum(manifest.failures_by_kind.values()) - sum(count for _, count in kinds)
        lines.append("Failures: " + ", ".join([*named, *([f"{others} others"] if others else [])]))
    if manifest.model_loads:
        lines.append(_loads_line(manifest, tally))
    if counts.rows_out:
        lines.append(f"Results: {folder}/{manifest.table}/run={manifest.run_id}/")
    lines += _folder_lines(manifest)
    if counts.failed:
        lines.append(f"Reasons: calumma runs {shlex.quote(out)} {manifest.run_id}")
    if manifest.job == "duplicates":
        record = read_record(open_store(absolute_uri(out)), manifest.commit)
        return lines + (duplicates_lines(manifest, record, out) if record else [])
    if manifest.job == "filter":
        verdicts = read_verdicts(open_store(absolute_uri(out)), manifest.commit)
        return lines + (filter_lines(manifest, verdicts, out) if verdicts else [])
    if manifest.job == "reconstruct" and counts.rows_out:
        lines += quality_lines(read_quality(absolute_uri(out), manifest))
    return lines + (_next_lines(manifest, out) if suggest_report and done else [])


def _folder_lines(manifest: RunManifest) -> list[str]:
    """Where pictures are beside the table."""
    named = {"Files": manifest.config.get("images"), "Shards": manifest.config.get("webdataset")}
    return [f"{what}: {str(folder).rstrip('/')}/" for what, folder in named.items() if folder]


def _next_lines(manifest: RunManifest, out: str) -> list[str]:
    """What to type next."""
    embedded = manifest.job == "embed" and manifest.counts.rows_out
    verb, more = ("index", " INDEX") if embedded else ("report", "")
    if manifest.job in _WITHOUT_PAGE:
        verb = "runs"
    lines = [f"Next: calumma {verb} {shlex.quote(out)}{more}"]
    if manifest.job == "tokenize" and manifest.counts.rows_out:
        lines.append(f"Then: calumma assemble CATALOG DOCUMENTS --codes {shlex.quote(out)}")
    if manifest.job == "assemble" and manifest.counts.rows_out:
        lines.append("Then: calumma train model CONFIG.toml")
    return lines


def quality_lines(quality: Quality) -> list[str]:
    """What is told of how near pictures made of codes are to those that the codes were made of."""
    if not quality.compared:
        return ["No source picture is at hand to compare with."]
    near = []
    if quality.psnr is not None:
        near.append(f"{quality.psnr:.2f} dB PSNR")
    if quality.ssim is not None:
        near.append(f"{quality.ssim:.4f} SSIM")
    equal = f"; {quality.equal} are equal" if quality.equal else ""
    return [f"Mean over {quality.compared} source pictures at hand: {', '.join(near)}{equal}"]


def duplicates_lines(manifest: RunManifest, record: DuplicatesRecord, out: str) -> list[str]:
    """What is told of a search for duplicates: what was found, where it is, what to type next."""
    left_out = record.left_out
    kept = f"{record.kept} of {record.pictures} pictures are kept"
    alike = f"{left_out['bytes']} of like bytes, {left_out['pixels']} of like pixels"
    catalog = shlex.quote(str(manifest.config.get("catalog", "CATALOG")))
    folder = out.rstrip("/")
    return [
        f"{kept}. Left out of {record.clusters} clusters: {alike}, {left_out['near']} near",
        f"Duplicates: {folder}/{record.files[0].rpartition('/')[0]}/",
        f"Next: calumma report {shlex.quote(out)}",
        f"Then: calumma caption {catalog} CAPTIONS --keep {shlex.quote(out)}",
    ]


def filter_lines(manifest: RunManifest, verdicts: VerdictRecord, out: str) -> list[str]:
    """What is told of a filter: what is kept, by which rules the rest is not, what to type next."""
    catalog = shlex.quote(str(manifest.config.get("catalog", "CATALOG")))
    left_out = verdicts.judged - verdicts.kept
    lines = [f"{verdicts.kept} of {amount(verdicts.judged, 'rows')} are kept, {left_out} left out"]
    if verdicts.broken:
        broken = sorted(verdicts.broken.items(), key=lambda item: -item[1])
        told = ", ".join(f"{count} {rule}" for rule, count in broken)
        lines.append(f"Rules broken (a row may break several): {told}")
    lines += [
        f"{count} rows were left out before {rule} was judged"
        for rule, count in verdicts.not_judged.items()
    ]
    return [
        *lines,
        f"Next: calumma report {shlex.quote(out)}",
        f"Then: calumma embed {catalog} VECTORS --keep {shlex.quote(out)}",
    ]


def _loads_line(manifest: RunManifest, tally: Tally) -> str:
    """How often the model was loaded, by worker."""
    loads = manifest.model_loads
    model = f"Model {manifest.model} ({manifest.revision}): loaded "
    work = f", {tally.model_seconds:.1f} s of work" if tally.model_seconds else ""
    if set(loads.values()) == {1}:
        where = "once" if len(loads) == 1 else f"once by each of {len(loads)} workers"
    else:
        most = sorted(loads.items(), key=lambda item: -item[1])[:_MOST_WORKERS]
        more = len(loads) - len(most)
        by_worker = ", ".join(f"{worker} {count}" for worker, count in most)
        where = f"{sum(loads.values())} times ({by_worker}{f', {more} others' if more else ''})"
    return f"{model}{where} in {manifest.load_seconds:.1f} s{work}"
