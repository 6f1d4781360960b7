"""What a commit writes down: the numbered record, and the manifest within it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.errors import RunError
from schemas.manifest import Counts, Replacement, RunManifest
from storage.layout import COMMITS, manifest_path
from storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRecord:
    """One commit.

    Attributes:
        token: known only to its writer: tells a lost reply from a lost race.
        moves: (staged path, final path) pairs.
        removed: what other files take the place of: deleted once those are where they belong.

    """

    number: int
    token: str
    manifest: RunManifest
    moves: tuple[tuple[str, str], ...]
    removed: tuple[str, ...] = ()


def last_commit(store: Store) -> CommitRecord | None:
    """Read the newest commit record."""
    newest = max((entry.path for entry in store.entries(COMMITS)), default=None)
    return _parse(store.get(newest)) if newest else None


def read_manifest(store: Store, run_id: str) -> RunManifest | None:
    """Read a run's manifest; None if it has none."""
    try:
        return manifest_from_json(json.loads(store.get(manifest_path(run_id))))
    except FileNotFoundError:
        return None


def _parse(content: bytes) -> CommitRecord:
    try:
        fields: Mapping[str, Any] = json.loads(content)
        return CommitRecord(
            number=fields["number"],
            token=fields["token"],
            manifest=manifest_from_json(fields["manifest"]),
            moves=tuple((source, destination) for source, destination in fields["moves"]),
            removed=tuple(fields.get("removed", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"A commit record cannot be read ({error}). The output was damaged or written by a "
            "newer version of Calumma."
        ) from error


def manifest_from_json(fields: Mapping[str, Any]) -> RunManifest:
    """Turn a manifest's JSON object back into the record."""
    manifest = RunManifest(**fields)
    return replace(
        manifest,
        counts=Counts(**fields["counts"]),
        files=tuple(fields["files"]),
        replaced=tuple(
            Replacement(old=tuple(one["old"]), new=tuple(one["new"]))
            for one in fields.get("replaced", ())
        ),
    )
