"""An output folder and the runs in it, wherever fsspec reaches."""

import json
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from schemas.errors import CalummaError, RunError, UsageError
from schemas.manifest import RunManifest
from storage.commit_record import manifest_from_json
from storage.filesystems import open_filesystem
from storage.layout import RUNS, STAGING, run_path
from storage.replaced import CARE, Replacements

_MANIFESTS_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedRun:
    """A run that has begun and has no manifest: in flight, or interrupted.

    Attributes:
        started: seconds since the epoch, None where its record does not say.

    """

    run_id: str
    job: str
    model: str
    revision: str
    started: float | None
    config: Mapping[str, object] = field(default_factory=dict)


class OutputFolder:
    """A job's output.

    Args:
        out: a local path or a URI.

    Raises:
        UsageError: there is no such folder, or nothing installed opens its scheme.

    """

    def __init__(self, out: str) -> None:
        self.uri = out
        self.filesystem, root = open_filesystem(out)
        self._root = root.rstrip("/")
        # Object stores cache listings, and a run of this very process may have written since.
        self.filesystem.invalidate_cache()
        if not self.filesystem.isdir(root):
            raise UsageError(f"There is no output folder {out}.")

    @property
    def address(self) -> str:
        """Where it is, told from anywhere: an absolute path or a URI."""
        if isinstance(self.filesystem, LocalFileSystem):
            return str(Path(self._root or "/").resolve())
        return self.uri.rstrip("/")

    def path(self, relative: str) -> str:
        """The full path, for this folder's file system, of a path relative to it."""
        return f"{self._root}/{relative}"

    def parquet_files(self, folder: str) -> list[str]:
        """Full paths of the Parquet files below a folder, sorted; none where it is absent."""
        return self._find(folder, ".parquet")

    def runs(self) -> tuple[list[RunManifest], list[UnfinishedRun]]:
        """Finished and unfinished runs, the newest first.

        Raises:
            UsageError: there are none, or a file among the manifests is not one.

        """
        manifests = self.all_manifests()
        unfinished = self.unfinished_runs(manifests)
        if not manifests and not unfinished:
            raise UsageError(
                f"{self.uri} holds no runs: there is neither a finished nor an unfinished one."
            )
        return manifests, unfinished

    def manifests(self) -> list[RunManifest]:
        """Manifests of all finished runs of jobs, the newest first.

        Raises:
            UsageError: a file among them is not a manifest.

        """
        return [one for one in self.all_manifests() if one.job not in CARE]

    def all_manifests(self) -> list[RunManifest]:
        """Manifests of all finished runs, the newest first, with the files that are there now.

        Those of ``compact`` and ``forget`` are among them.

        Raises:
            UsageError: a file among them is not a manifest.

        """
        paths = self._find(RUNS, ".json")
        manifests = []
        with ThreadPoolExecutor(_MANIFESTS_AT_ONCE) as pool:
            for path, content in zip(paths, pool.map(self.filesystem.cat_file, paths), strict=True):
                try:
                    manifests.append(manifest_from_json(json.loads(content)))
                except (ValueError, TypeError, KeyError) as error:
                    raise UsageError(f"{path} is not the manifest of a run: {error}.") from error
        manifests = Replacements(manifests).apply(manifests)
        return sorted(manifests, key=_begun, reverse=True)

    def unfinished_runs(self, manifests: Sequence[RunManifest]) -> list[UnfinishedRun]:
        """Runs with a staging folder and none of these manifests, the newest first."""
        finished = {manifest.run_id for manifest in manifests}
        found = []
        for run_id in sorted(set(self._folders(STAGING)) - finished, reverse=True):
            try:
                fields = json.loads(self.filesystem.cat_file(self.path(run_path(run_id))))
            except (FileNotFoundError, ValueError):
                continue
            if isinstance(fields, dict):
                found.append(_unfinished(run_id, fields))
        return found

    def _find(self, folder: str, suffix: str) -> list[str]:
        full = self.path(folder)
        try:
            paths: list[str] = self.filesystem.find(full)
        except FileNotFoundError:
            return []
        return sorted(path for path in paths if path.endswith(suffix))

    def _folders(self, folder: str) -> list[str]:
        try:
            entries = self.filesystem.ls(self.path(folder), detail=True)
        except FileNotFoundError:
            return []
        return [
            entry["name"].rstrip("/").rpartition("/")[2]
            for entry in entries
            if entry["type"] == "directory"
        ]


def choose_run(
    manifests: Sequence[RunManifest], unfinished: Sequence[UnfinishedRun], run_id: str
) -> RunManifest:
    """Find the manifest of a run.

    Raises:
        UsageError: no finished run has this id; the message names those there are.

    """
    for manifest in manifests:
        if manifest.run_id == run_id:
            return manifest
    if any(run.run_id == run_id for run in unfinished):
        raise UsageError(
            f"Run {run_id} has not finished: its rows can be read once they are committed."
        )
    if not manifests:
        raise UsageError(f"There is no run {run_id}: no run of this output has finished yet.")
    names = ", ".join(manifest.run_id for manifest in manifests[:10])
    more = f" and {len(manifests) - 10} older ones" if len(manifests) > 10 else ""
    raise UsageError(f"There is no run {run_id} in this output. There are: {names}{more}.")


def check_destination(destination: str) -> None:
    """Check that a file can be written there, before what is in it is computed.

    Raises:
        UsageError: nothing installed opens the destination's scheme, or its folder is not there.

    """
    filesystem, path = open_filesystem(destination)
    if isinstance(filesystem, LocalFileSystem):
        _check_folder(Path(path))


def write_whole(destination: str, content: bytes) -> None:
    """Write a file that appears whole or not at all.

    Raises:
        UsageError: nothing installed opens the destination's scheme, or its folder is not there.
        RunError: the file cannot be written.

    """
    filesystem, path = open_filesystem(destination)
    try:
        if isinstance(filesystem, LocalFileSystem):
            _replace(Path(path), content)
        else:
            filesystem.pipe_file(path, content)  # one put, atomic in an object store
    except CalummaError:
        raise
    except Exception as error:
        # Clients of stores have exceptions of their own, besides OSError.
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise RunError(f"{destination} cannot be written: {reason.rstrip('.')}.") from error


def _check_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {target.parent} to write {target.name} into.")


def _replace(target: Path, content: bytes) -> None:
    _check_folder(target)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _unfinished(run_id: str, fields: Mapping[str, Any]) -> UnfinishedRun:
    started = fields.get("started")
    config = fields.get("config")
    return UnfinishedRun(
        run_id=run_id,
        job=str(fields.get("job", "")),
        model=str(fields.get("model", "")),
        revision=str(fields.get("revision", "")),
        started=float(started) if isinstance(started, int | float) else None,
        config=config if isinstance(config, dict) else {},
    )


def _begun(manifest: RunManifest) -> tuple[str, float, str]:
    """When a run began. Its id tells the second; of one second, its random digits say nothing."""
    second, _, digits = manifest.run_id.rpartition("-")
    return second, manifest.started, digits
