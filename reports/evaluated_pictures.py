"""Small pictures of evaluated rows, for pages: as their job kept them, or read by its rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.small_pictures import SmallPicture, load_small_pictures, policy_for_page
from schemas.manifest import RunManifest
from storage.catalog.formats import folder_of
from storage.fetching.policy import resolve_uri, scheme_of
from storage.filesystems import open_filesystem
from storage.keys import question_identity
from storage.latest import read_manifests
from storage.sample import kept_thumbnails
from storage.store import open_store

MOST_READ = 1_000
"""Pictures of a page that are read where they lie; of the others, thumbnails that were kept."""

_MOST_RUNS = 20
_NOT_HERE = SmallPicture(problem="not in this page")


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturedRow:
    """A row, and where its picture is: ``uri`` as the results have it, or empty."""

    asset_id: str
    question_id: str
    uri: str

    @property
    def identity(self) -> str:
        """What a job's keys tell the row by."""
        if not self.question_id:
            return self.asset_id
        return question_identity(self.asset_id, self.question_id)


def load_evaluated_pictures(
    rows: Sequence[PicturedRow],
    results: str,
    named_by: Sequence[str],
    *,
    longer_side: int,
    allow_private_addresses: bool,
) -> dict[str, SmallPicture]:
    """Load the pictures of rows: thumbnails that the job kept, or read anew by their uris.

    Args:
        rows: those that matter most first; of the first 1,000 pictures without a thumbnail, each
            is read.
        results: what was evaluated, which tells where relative uris start.
        named_by: where the rows were read from: a local file is read only where these, the
            results and their catalogs are all local.
        longer_side: of what is read, in pixels.
        allow_private_addresses: whether http(s) may go to this machine and to private networks.

    Returns:
        Pictures by the rows' uris: of one picture there may be many questions, and of one asset
        many pictures.

    """
    runs = _runs_of(results)
    found = _kept(results, runs or [], [row for row in rows if row.uri])
    wanted = dict.fromkeys(row.uri for row in rows)
    missing = [uri for uri in wanted if uri not in found]
    catalogs = [str(run.config["catalog"]) for run in runs or ()]
    remote = next(
        (one for one in (*named_by, results, *catalogs) if scheme_of(one) != "file"), None
    )
    policy = policy_for_page(remote or results, allow_private_addresses=allow_private_addresses)
    if runs is None:
        remote_only = tuple(scheme for scheme in policy.allowed_schemes if scheme != "file")
        policy = replace(policy, allowed_schemes=remote_only)
    start = folder_of(catalogs[0] if catalogs else results)
    read = load_small_pictures(
        [resolve_uri(uri, start) if uri else "" for uri in missing[:MOST_READ]],
        policy,
        longer_side=longer_side,
    )
    found |= dict(zip(missing, read, strict=False))
    return {uri: found.get(uri, _NOT_HERE) for uri in wanted}


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
    results: str, runs: Sequence[RunManifest], rows: Sequence[PicturedRow]
) -> dict[str, SmallPicture]:
    """The thumbnails that the job kept of rows, by uri."""
    named: dict[str, set[str]] = {}
    for row in rows:
        named.setdefault(row.identity, set()).add(row.uri)
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
