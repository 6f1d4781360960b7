"""Where results to evaluate lie: in an output, or in any Parquet files."""

from dataclasses import dataclass

from schemas.errors import CatalogError
from schemas.manifest import RunManifest
from storage.catalog.formats import folder_of
from storage.catalog.opening import describe_file
from storage.committed import find_committed
from storage.evaluation.kinds import KINDS
from storage.evaluation.references import Kind
from storage.filesystems import open_filesystem
from storage.latest import read_manifests
from storage.store import open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFiles:
    """The files of results.

    Attributes:
        uris: where they are, those of the newest run first.
        table: the table that they are of; of other files, the one that they are read like.
        committed: whether they are an output's: then of an asset's rows the first counts, and the
            others are older; else a second row is a mistake.
        identity: changes when they do.
        folder: what relative uris of pictures start from.
        folders: what those of each file started from, which runs of other catalogs wrote; empty if
            all are as ``folder``.
        catalogs: of the runs that made them: what names their pictures.
        model, revision: of the newest run; empty where nothing tells.

    """

    uris: tuple[str, ...]
    table: str
    committed: bool
    folder: str
    identity: str
    folders: tuple[str, ...] = ()
    catalogs: tuple[str, ...] = ()
    model: str = ""
    revision: str = ""


def tables_of(uri: str) -> set[Kind] | None:
    """Which kinds of results an output holds; None if it is no output of ours."""
    if uri.endswith(".parquet") or "*" in uri:
        return None
    manifests = read_manifests(open_store(uri))
    if not manifests:
        return None
    tables = {one.table for one in manifests}
    return {kind for kind, how in KINDS.items() if not tables.isdisjoint(how.tables)}


def find_results(uri: str, kind: Kind) -> ResultFiles:
    """Find the files of results.

    Args:
        uri: an output, or a Parquet file, a folder or a glob of such.
        kind: which of an output's results.

    Raises:
        CatalogError: there are none, or files of an output are gone.

    """
    tables = KINDS[kind].tables
    if tables_of(uri) is None:
        return _plain_files(uri, tables[0])
    written = {one.table for one in read_manifests(open_store(uri))}
    table = next((one for one in tables if one in written), tables[0])
    missing = f"{uri} holds no {table}. Make some, or name another output."
    found = find_committed(uri, table, missing=missing)
    newest = found.runs[-1]
    files = [(run, path) for run in reversed(found.runs) for path in found.paths_of(run)]
    return ResultFiles(
        uris=tuple(f"{uri.rstrip('/')}/{path}" for _, path in files),
        table=table,
        committed=True,
        identity=f"{uri} {newest.run_id} {newest.commit}",
        folder=_start_of(newest),
        folders=tuple(_start_of(run) for run, _ in files),
        catalogs=tuple(
            sorted({str(run.config["catalog"]) for run in found.runs if run.config.get("catalog")})
        ),
        model=newest.model,
        revision=newest.revision,
    )


def _start_of(run: RunManifest) -> str:
    return folder_of(str(run.config.get("catalog", "")))


def _plain_files(uri: str, table: str) -> ResultFiles:
    filesystem, path = open_filesystem(uri)
    if "*" in path:
        paths = filesystem.glob(path)
    elif filesystem.isdir(path):
        paths = filesystem.glob(f"{path.rstrip('/')}/**/*.parquet")
    else:
        paths = [path] if filesystem.exists(path) else []
    scheme = uri.partition("://")[0] + "://" if "://" in uri else ""
    uris = tuple(sorted(f"{scheme}{found}" for found in paths))
    if not uris:
        raise CatalogError(
            f"There are no results at {uri}: name an output of calumma caption or answer, or "
            "Parquet files with a column asset_id and what is to be scored, such as text."
        )
    identity = " ".join(f"{one} {describe_file(one).identity}" for one in uris)
    return ResultFiles(
        uris=uris,
        table=table,
        committed=False,
        identity=identity,
        folder=uris[0].rpartition("/")[0],
    )
