"""Small pictures of evaluated rows, for pages: read as the job that described them read them."""

from collections.abc import Sequence

from reports.asset_pictures import folder_of
from reports.small_pictures import SmallPicture, load_small_pictures, policy_for_page
from schemas.comparison import ComparedRow
from schemas.errors import CalummaError
from schemas.manifest import RunManifest
from storage.fetching.policy import resolve_uri, scheme_of
from storage.keys import question_identity
from storage.latest import read_manifests
from storage.sample import kept_thumbnails
from storage.store import open_store

_MOST_RUNS = 20


def load_evaluated_pictures(
    rows: Sequence[ComparedRow],
    results: str,
    named_by: Sequence[str],
    *,
    longer_side: int,
    allow_private_addresses: bool = False,
) -> list[SmallPicture]:
    """Load the pictures of rows, in their order; one that cannot be read is its kept thumbnail.

    Args:
        results: what was evaluated, which tells where relative uris start.
        named_by: where the rows were read from: a local file is read only where these, the
            results and their catalogs are all local.
        longer_side: of the pictures, in pixels.
        allow_private_addresses: whether http(s) may go to this machine and to private networks.

    """
    runs = _runs(results)
    catalogs = [str(run.config["catalog"]) for run in runs if run.config.get("catalog")]
    start = folder_of(catalogs[0] if catalogs else results)
    sources = (*named_by, results, *catalogs)
    remote = next((one for one in sources if scheme_of(one) != "file"), None)
    policy = policy_for_page(remote or results, allow_private_addresses=allow_private_addresses)
    uris = [resolve_uri(row.uri, start) if row.uri else "" for row in rows]
    # Of one picture there may be many questions.
    different = list(dict.fromkeys(uris))
    loaded = load_small_pictures(different, policy, longer_side=longer_side)
    by_uri = dict(zip(different, loaded, strict=True))
    kept = _kept(
        results, runs, [row for row, uri in zip(rows, uris, strict=True) if not by_uri[uri].jpeg]
    )
    return [
        SmallPicture(jpeg=kept[name])
        if (name := _identity(row)) in kept and not by_uri[uri].jpeg
        else by_uri[uri]
        for row, uri in zip(rows, uris, strict=True)
    ]


def _identity(row: ComparedRow) -> str:
    if not row.question_id:
        return row.asset_id
    return question_identity(row.asset_id, row.question_id)


def _kept(
    results: str, runs: Sequence[RunManifest], rows: Sequence[ComparedRow]
) -> dict[str, bytes]:
    """The thumbnails that the job kept of rows: JPEG by identity."""
    if not rows or not runs:
        return {}
    names = [run.run_id for run in runs[:_MOST_RUNS]]
    try:
        return kept_thumbnails(open_store(results), names, list(map(_identity, rows)))
    except (OSError, ValueError, CalummaError):
        return {}


def _runs(results: str) -> list[RunManifest]:
    """The runs that made the results, the newest first; none of plain files, or where they are
    gone.
    """
    if results.endswith(".parquet") or "*" in results:
        return []
    try:
        runs = read_manifests(open_store(results))
    except (OSError, ValueError, KeyError, TypeError, CalummaError):
        return []
    return sorted(runs, key=lambda run: run.commit, reverse=True)
