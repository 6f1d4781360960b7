"""The receipt of a run, written after its commit."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Where the input rows ended: ``rows_in == rows_out + failed + skipped``."""

    rows_in: int = 0
    rows_out: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            rows_in=self.rows_in + other.rows_in,
            rows_out=self.rows_out + other.rows_out,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )

    @property
    def balanced(self) -> bool:
        """Whether every row in ended in exactly one place."""
        return self.rows_in == self.rows_out + self.failed + self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """Files of a table that were written anew: rows merged, superseded or forgotten.

    Attributes:
        old: the files that are gone, relative to the output.
        new: those in their place, which belong to the run that their path names; none where no
            row was left.

    """

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunManifest:
    """What a run did: written to ``_runs/<run_id>.json`` once its commit stands.

    Attributes:
        run_id: sorts by start time.
        job: the command: ``caption``, ``answer``, ``embed`` and so on.
        state: ``done``, or ``stopped`` where the failure limit ended the run early.
        config: the job's configuration, as given.
        table: the table the outputs are in.
        model: the model's folder name or hub id.
        revision: the revision that was loaded.
        versions: versions of Calumma, its schemas, Beam, torch, transformers and Python.
        counts: where the rows ended.
        rows_left: rows of the catalog that were not reached (``stopped`` only).
        failures_by_kind: failed rows by kind.
        model_loads: how often each worker process loaded the model, by host and process id; a
            process loads it once, or not at all where it met nothing new.
        load_seconds: the time that took, added up.
        started: seconds since the epoch.
        finished: seconds since the epoch.
        commit: number of the commit record that published the rows.
        files: the Parquet files published, relative to the output.
        replaced: what ``compact`` or ``forget`` wrote anew; they publish no files of their own.

    """

    run_id: str
    job: str
    state: str
    config: dict[str, object]
    table: str
    model: str
    revision: str
    versions: dict[str, str]
    counts: Counts
    rows_left: int = 0
    failures_by_kind: dict[str, int] = field(default_factory=dict)
    model_loads: dict[str, int] = field(default_factory=dict)
    load_seconds: float = 0.0
    started: float
    finished: float
    commit: int
    files: tuple[str, ...] = ()
    replaced: tuple[Replacement, ...] = ()
