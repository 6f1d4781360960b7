"""Small pictures of the rows that an evaluation scored, read by the rules of a job."""

from collections.abc import Sequence
from dataclasses import replace

from reports.asset_pictures import folder_of
from reports.output_folder import OutputFolder
from reports.reading import SHA256, Row
from reports.small_pictures import SmallPicture, load_small_pictures, policy_for_page
from schemas.manifest import RunManifest
from storage.fetching.policy import resolve_uri, scheme_of
from storage.filesystems import open_filesystem
from storage.keys import question_identity
from storage.latest import read_manifests
from storage.sample import kept_thumbnails
from storage.store import open_store

MOST_PICTURES = 1_000
"""Pictures of a page that are read where they lie; of the others, thumbnails that were kept."""

_MOST_RUNS = 20
_NOT_HERE = SmallPicture(problem="not in this page")


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
    # Of one picture there may be many questions, of one asset many pictures.
    wanted = list(dict.fromkeys(row["uri"] for row in rows if row["uri"]))
    results = str(evaluation.config.get("results", ""))
    runs = _runs_of(results)
    found = _kept(results, runs or [], [row for row in rows if row["uri"]])
    missing = [uri for uri in wanted if uri not in found][:MOST_PICTURES]
    found |= _read(
        missing,
        results,
        runs,
        folder.address,
        allow_private_addresses=allow_private_addresses,
    )
    total = 0
    for uri in wanted:
        total += len(found.setdefault(uri, _NOT_HERE).jpeg)
        if total > most_bytes:
            found[uri] = _NOT_HERE
    for row in rows:
        # By its address, for rows of one asset may have pictures of their own.
        row[SHA256] = row["uri"]
        if row["uri"] and not found[row["uri"]].jpeg:
            row["why"] = found[row["uri"]].problem
    return {row["key"]: found[row["uri"]].jpeg for row in rows if row["uri"] and "why" not in row}


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


def _kept(
    results: str, runs: Sequence[RunManifest], rows: Sequence[Row]
) -> dict[str, SmallPicture]:
    """The thumbnails that the job kept of rows, by uri."""
    named: dict[str, set[str]] = {}
    for row in rows:
        named.setdefault(_identity(row), set()).add(row["uri"])
    # Of which of several pictures a thumbnail is cannot be told.
    uris = {name: uri for name, (uri, *others) in named.items() if not others}
    if not runs or not uris:
        return {}
    try:
        kept = kept_thumbnails(
            open_store(results), [run.run_id for run in runs[:_MOST_RUNS]], list(uris)
        )
    except Exception:  # noqa: BLE001 - likewise
        return {}
    return {uris[name]: SmallPicture(jpeg=jpeg) for name, jpeg in kept.items()}


def _identity(row: Row) -> str:
    """What a job's keys tell a row by."""
    if not row["question_id"]:
        return str(row["id"])
    return question_identity(row["id"], row["question_id"])


def _read(
    uris: Sequence[str],
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
    read = load_small_pictures([resolve_uri(uri, folder) for uri in uris], policy)
    return dict(zip(uris, read, strict=True))
