"""The report page: one self-contained HTML file about the newest runs, with a table of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.errors import UsageError

if TYPE_CHECKING:
    from schemas.manifest import RunManifest

_JOBS = ("caption", "answer", "embed", "neighbors", "generate", "edit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """A run in a page.

    Attributes:
        run_id: the run.
        job: ``caption``, ``answer``, ``embed``, ``neighbors``, ``generate`` or ``edit``.
        rows: rows of it in the page.
        failures: failures of it in the page.

    """

    run_id: str
    job: str
    rows: int
    failures: int

    def __str__(self) -> str:
        """For example ``30 captions and 2 failures of run 20260131-235959-ab12cd``."""
        from reports.formatting import amount, noun

        parts = [amount(self.rows, noun(self.job))] if self.rows or not self.failures else []
        if self.failures:
            parts.append(amount(self.failures, "failures"))
        return f"{' and '.join(parts)} of run {self.run_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSummary:
    """What :func:`write_report` wrote; as text, a line for the terminal.

    Attributes:
        path: the page.
        runs: the runs that it shows in detail; none where no run has finished, or none of a job
            that a page shows.
        listed: how many runs its table has.

    """

    path: str
    runs: tuple[ShownRun, ...]
    listed: int = 0

    @property
    def rows(self) -> int:
        """Rows in the page."""
        return sum(run.rows for run in self.runs)

    @property
    def failures(self) -> int:
        """Failures in the page."""
        return sum(run.failures for run in self.runs)

    def __str__(self) -> str:
        """For example ``out/report.html: 30 captions of run 20260131-235959-ab12cd``."""
        from reports.formatting import amount

        if self.runs or not self.listed:
            shown = ", ".join(map(str, self.runs)) or "no run has finished yet"
        else:
            shown = f"a table of {amount(self.listed, 'runs')}, none of a job whose rows it shows"
        return f"{self.path}: {shown}"


def write_report(
    out: str, destination: str | None = None, *, run: str | None = None
) -> ReportSummary:
    """Write a page about the runs of an output folder.

    Args:
        out: the output folder, a local path or a URI.
        destination: the file to write, a local path or a URI; ``OUT/report.html`` by default.
        run: id of the one run to show in detail; by default those of :func:`newest_runs`.

    Raises:
        UsageError: there is no such folder or run, the folder holds no runs, a manifest cannot be
            read, or the destination's folder is not there.
        RunError: a table of a run cannot be read, or the page cannot be written.

    """
    from reports.details import read_details
    from reports.output_folder import OutputFolder, choose_run, write_whole
    from reports.rendering import REPORT_SCRIPTS, render

    folder = OutputFolder(out)
    manifests, unfinished = folder.runs()
    shown = newest_runs(manifests) if run is None else [choose_run(manifests, unfinished, run)]
    if run is not None and shown[0].job not in _JOBS:
        raise UsageError(
            f"Run {run} is of {shown[0].job}, and a page shows the rows of {', '.join(_JOBS)}. Its "
            f"counts: calumma runs {out} {run}"
        )
    if run is not None and was_merged(shown[0]):
        raise UsageError(
            f"The rows of run {run} were merged with those of newer runs: see calumma compact. Its "
            f"counts: calumma runs {out} {run}"
        )
    details, data = read_details(folder, shown)
    page = render(
        "report.html",
        scripts=REPORT_SCRIPTS,
        data=data,
        details=details,
        out=folder.address,
        manifests=manifests,
        unfinished=unfinished,
    )
    path = destination if destination is not None else f"{out.rstrip('/')}/report.html"
    write_whole(path, page.encode())
    return ReportSummary(
        path=path,
        listed=len(manifests),
        runs=tuple(
            ShownRun(
                run_id=one.run.run_id,
                job=one.run.job,
                rows=one.rows_shown,
                failures=one.failures_shown,
            )
            for one in details
        ),
    )


def was_merged(manifest: "RunManifest") -> bool:
    """Whether a run gave rows and has no file of them any more."""
    files = [path for path in manifest.files if path.startswith(f"{manifest.table}/")]
    return bool(manifest.counts.rows_out) and not files


def newest_runs(manifests: "Sequence[RunManifest]") -> "list[RunManifest]":
    """The newest run of each job that gave rows, captions first, then answers.

    A run that found nothing new has nothing to show. Where no run gave rows it is the newest one
    of a job whose rows a page shows, if any.

    Args:
        manifests: of all finished runs, the newest first.

    """
    newest: dict[str, RunManifest] = {}
    for manifest in manifests:
        if manifest.counts.rows_out:
            newest.setdefault(manifest.job, manifest)
    shown = [manifest for manifest in manifests if manifest.job in _JOBS]
    return [newest[job] for job in _JOBS if job in newest] or shown[:1]
