"""Small pictures of the rows that an evaluation scored, read by the rules of a job."""

from collections.abc import Sequence
from dataclasses import replace

from reports.asset_pictures import folder_of
from reports.output_folder import OutputFolder
from reports.reading import Row
from reports.small_pictures import SmallPicture, load_small_pictures, policy_for_page
from schemas.manifest import RunManifest
from storage.fetching.policy import resolve_uri, scheme_of
from storage.filesystems import open_filesystem
from storage.latest import read_manifests
from storage.sample import kept_thumbnails
from storage.store import open_store

MOST_PICTURES = 1_000
"""Pictures of a page that are read where they lie; of the others, thumbnails that were kept."""

_MOST_RUNS = 20
_NOT_HERE = "not in this page"


def find_pictures(
    rows: Sequence[Row],
    evaluation: RunManifest,
    folder: OutputFolder,
    *,
    most_bytes: int,
    allow_private_addresses: bool,
) -> dict[str, bytes]:
    """Find small pictures of rows: the thumbnails that their job kept, or read anew by their uris.

    A row without one is told ``why``, unless it has no uri.

    Args:
        rows: those that matter most first.
        evaluation: whose rows they are.
        folder: its output.
        most_bytes: of the pictures together.
        allow_private_addresses: whether http(s) may go to this machine and to private networks.

    Returns:
        JPEG by row key.

    """
    # Of one asset there may be many rows: each picture is wanted once.
    uris = {row["id"]: row["uri"] for row in reversed(rows) if row["uri"]}
    wanted = list(dict.fromkeys(row["id"] for row in rows if row["uri"]))
    results = str(evaluation.config.get("results", ""))
    runs = _runs_of(results)
    found = {
        name: SmallPicture(jpeg=jpeg) for name, jpeg in _kept(results, runs or [], wanted).items()
    }
    missing = [name for name in wanted if name not in found][:MOST_PICTURES]
    found |= _read(
        {name: uris[name] for name in missing},
        results,
        runs,
        folder.address,
        allow_private_addresses=allow_private_addresses,
    )
    total = 0
    shown: dict[str, bytes] = {}
    for name in wanted:
        one = found.get(name, SmallPicture(problem=_NOT_HERE))
        total += len(one.jpeg)
        if total > most_bytes:
            one = SmallPicture(problem=_NOT_HERE)
        found[name] = one
    for row in rows:
        if row["uri"] and found[row["id"]].jpeg:
            shown[row["key"]] = found[row["id"]].jpeg
        elif row["uri"]:
            row["why"] = found[row["id"]].problem
    return shown


def _runs_of(results: str) -> list[RunManifest] | None:
    """The runs that made the results, the newest first; None where they are not there any more.

    Files that are no output's have no runs: they are what names the pictures, as a catalog does.
    """
    try:
        filesystem, path = open_filesystem(results)
        if "*" not in path and not filesystem.exists(path):
            return None
        if "*" in path or not filesystem.isdir(path):
            return []
        runs = [one for one in read_manifests(open_store(results)) if one.config.get("catalog")]
    except Exception:  # noqa: BLE001 - clients of stores have exceptions of their own
        return None
    return sorted(runs, key=lambda run: run.commit, reverse=True)


def _kept(results: str, runs: Sequence[RunManifest], ids: Sequence[str]) -> dict[str, bytes]:
    if not runs or not ids:
        return {}
    try:
        return kept_thumbnails(
            open_store(results), [run.run_id for run in runs[:_MOST_RUNS]], list(ids)
        )
    except Exception:  # noqa: BLE001 - likewise
        return {}


def _read(
    uris: dict[str, str],
    results: str,
    runs: Sequence[RunManifest] | None,
    out: str,
    *,
    allow_private_addresses: bool,
) -> dict[str, SmallPicture]:
    catalogs = [str(run.config["catalog"]) for run in runs or ()]
    # A local file is read only where whoever named it could read it anyway.
    remote = next((one for one in (out, results, *catalogs) if scheme_of(one) != "file"), None)
    policy = policy_for_page(remote or out, allow_private_addresses=allow_private_addresses)
    if runs is None:
        remote_only = tuple(scheme for scheme in policy.allowed_schemes if scheme != "file")
        policy = replace(policy, allowed_schemes=remote_only)
    folder = "" if catalogs else folder_of(results)
    read = load_small_pictures([resolve_uri(uri, folder) for uri in uris.values()], policy)
    return dict(zip(uris, read, strict=True))
