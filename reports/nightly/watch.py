"""The newest run of each job against the runs before it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reports.nightly.compare import LEAST_ROWS, Comparison, compare
from reports.nightly.statistics import (
    RunStatistics,
    keep_statistics,
    measure_run,
    read_statistics,
)
from schemas.errors import UsageError
from schemas.manifest import RunManifest
from storage.latest import History, read_history
from storage.layout import WATCH
from storage.store import Store

_MOST_RUNS = 30

_LABELS = {
    "failed": "rows that failed",
    "loops": "texts that go round in a loop",
    "refusals": "refusals",
    "cut": "texts cut at the limit of tokens",
    "repeated": "texts that repeat one just before",
    "most common text": "rows with the commonest text",
    "words": "words a text",
    "tokens": "tokens a text",
    "vocabulary": "different words in a thousand",
    "confidence": "mean log-probability of a token",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRun:
    """What became of the comparison of a run.

    Attributes:
        tried: rows that it did, or that failed.
        only_failed: whether it tried only what had failed before: it is like no other run then, and
            not compared.
        compared_with: how many earlier runs it was compared with; 0 where there are too few, or
            it has too few rows.
        comparisons: of all figures.

    """

    run_id: str
    job: str
    tried: int
    only_failed: bool
    compared_with: int
    comparisons: tuple[Comparison, ...]

    @property
    def alarms(self) -> tuple[Comparison, ...]:
        """The figures that are unusual."""
        return tuple(one for one in self.comparisons if one.is_unusual)

    def as_json(self) -> dict[str, Any]:
        """The run with its alarms and all comparisons, as JSON has it."""
        return {
            "run_id": self.run_id,
            "job": self.job,
            "tried": self.tried,
            "only_failed": self.only_failed,
            "compared_with": self.compared_with,
            "alarms": [asdict(one) | {"message": describe(one)} for one in self.alarms],
            "comparisons": [asdict(one) for one in self.comparisons],
        }


def watch(store: Store, run_id: str | None = None) -> list[WatchedRun]:
    """Compare the newest run of each job that tried rows, or one run, with those before it.

    Where the newest run of a job tried only what had failed before, it is given uncompared, and the
    newest other run, if there is one, is compared.

    Raises:
        UsageError: there is no such run, or none at all.

    """
    history = read_history(store)
    tried = [one for one in history.runs if _tried(one)]
    if run_id is not None:
        chosen = [one for one in tried if one.run_id == run_id]
        if not chosen:
            raise UsageError(f"{store.uri} holds no finished run {run_id} that tried rows.")
    else:
        tried.sort(key=_commit)
        newest = {one.job: one for one in tried}
        ordinary = {one.job: one for one in tried if not _only_failed(one)}
        pairs = ((one, ordinary.get(job, one)) for job, one in newest.items())
        chosen = list({one.run_id: one for pair in pairs for one in pair}.values())
        if not chosen:
            raise UsageError(f"{store.uri} holds no finished run that tried rows.")
    return [watch_run(store, history, one) for one in chosen]


def watch_run(store: Store, history: History, run: RunManifest) -> WatchedRun:
    """Compare one run with those of its job that were committed before it.

    A run of what had failed before is not compared.
    """
    if _only_failed(run):
        return WatchedRun(
            run_id=run.run_id,
            job=run.job,
            tried=_tried(run),
            only_failed=True,
            compared_with=0,
            comparisons=(),
        )
    after = _accepted(store, run.job)
    earlier = sorted(
        (
            one
            for one in history.runs
            if one.job == run.job
            and after <= one.commit < run.commit
            and _tried(one) >= LEAST_ROWS
            and not _only_failed(one)
        ),
        key=_commit,
    )
    newest = _statistics(store, history, run)
    known = list(_all(store, history, earlier[-_MOST_RUNS:]))
    comparisons = compare(newest, known) if newest is not None else []
    return WatchedRun(
        run_id=run.run_id,
        job=run.job,
        tried=_tried(run),
        only_failed=False,
        compared_with=len(known) if comparisons else 0,
        comparisons=tuple(comparisons),
    )


def accept(store: Store) -> list[WatchedRun]:
    """Let each job's history begin with its newest run: what is unusual about it is usual now.

    Runs of what had failed before are passed over.
    """
    watched = watch(store)
    commits = {one.run_id: one.commit for one in read_history(store).runs}
    for one in watched:
        if one.only_failed:
            continue
        content = json.dumps({"run_id": one.run_id, "commit": commits[one.run_id]})
        store.put(_accepted_path(one.job), content.encode())
    return watched


def describe(one: Comparison) -> str:
    """An alarm in words."""
    label = _LABELS.get(one.measure, one.measure)
    above = one.high is not None and one.value > one.high
    bound = one.high if above else one.low
    assert bound is not None
    is_number = one.measure in ("words", "tokens", "vocabulary", "confidence", "rows a second")
    shown = _number if is_number else _percent
    return (
        f"{label}: {shown(one.value)}, usually {shown(one.usual)} and "
        f"{'at most' if above else 'at least'} {shown(bound)}, by {one.runs} earlier runs"
    )


def _number(value: float) -> str:
    return f"{value:.3g}"


def _percent(value: float) -> str:
    return f"{100 * value:.2g} %" if value < 0.995 else "100 %"


def _all(store: Store, history: History, runs: Sequence[RunManifest]) -> Iterator[RunStatistics]:
    for run in runs:
        known = _statistics(store, history, run)
        if known is not None:
            yield known


def _statistics(store: Store, history: History, run: RunManifest) -> RunStatistics | None:
    """A run's figures: those that were kept, or taken now and kept; None if its rows are gone."""
    kept = read_statistics(store, run.run_id)
    if kept is not None:
        return kept
    files = [path for path in run.files if path.startswith(f"{run.table}/")]
    if any(map(history.replacements.is_merged, files)) or (run.counts.rows_out and not files):
        return None
    found = measure_run(store, run)
    keep_statistics(store, found)
    return found


def _accepted(store: Store, job: str) -> int:
    """The commit that a job's history begins with."""
    try:
        return int(json.loads(store.get(_accepted_path(job)))["commit"])
    except FileNotFoundError:
        return 0


def _accepted_path(job: str) -> str:
    return f"{WATCH}/accepted-{job}.json"


def _tried(run: RunManifest) -> int:
    return run.counts.rows_out + run.counts.failed


def _only_failed(run: RunManifest) -> bool:
    return bool(run.config.get("only_failed"))


def _commit(run: RunManifest) -> int:
    return run.commit
