"""The committed files of one table of an output: who wrote them, and whether they are there."""

from dataclasses import dataclass

from schemas.errors import CatalogError
from schemas.manifest import RunManifest
from storage.commit_record import last_commit
from storage.latest import read_history
from storage.store import Store, open_store

_FOLDER_REVISION = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedRuns:
    """Runs that wrote rows of a table, in the order of their commits.

    Attributes:
        uri: the output.
        table: the table.
        runs: their manifests; there is one at least.

    """

    uri: str
    table: str
    runs: tuple[RunManifest, ...]

    @property
    def commit(self) -> int:
        """Number of the newest commit."""
        return self.runs[-1].commit

    @property
    def model(self) -> tuple[str, str | None]:
        """The newest run's model, as the job was asked for it, and its revision on a hub."""
        newest = self.runs[-1]
        folder = newest.revision.startswith(_FOLDER_REVISION)
        return str(newest.config.get("model", newest.model)), None if folder else newest.revision

    @property
    def paths(self) -> tuple[str, ...]:
        """The files of the table, relative to the output."""
        return tuple(path for run in self.runs for path in self.paths_of(run))

    def paths_of(self, run: RunManifest) -> tuple[str, ...]:
        """The files of the table that one of the runs wrote, relative to the output."""
        return tuple(path for path in run.files if path.startswith(f"{self.table}/"))

    def of(self, model: str, revision: str) -> "CommittedRuns":
        """Those of a model if there are any, else all: models may share a tokenizer."""
        like = tuple(one for one in self.runs if (one.model, one.revision) == (model, revision))
        return CommittedRuns(uri=self.uri, table=self.table, runs=like or self.runs)


def find_committed(uri: str, table: str, *, missing: str, upto: int | None = None) -> CommittedRuns:
    """Find the committed rows of a table of an output; their files are not opened.

    Args:
        uri: the output.
        table: the table.
        missing: what to say where there are none.
        upto: number of the last commit to look at; None for all.

    Raises:
        CatalogError: there are none, the last commit was interrupted while its files were moved,
            files that were committed are gone, or rows up to ``upto`` lie in one file with newer
            ones.

    """
    store = open_store(uri)
    history = read_history(store)
    history.check_not_merged(uri, table, upto)
    manifests = history.runs
    runs = sorted(
        (
            one
            for one in manifests
            if one.table == table
            and any(path.startswith(f"{table}/") for path in one.files)
            and (upto is None or one.commit <= upto)
        ),
        key=lambda one: one.commit,
    )
    last = last_commit(store)
    if last is not None and last.manifest.table == table and upto is None:
        _check_published(uri, last.manifest, manifests)
    if not runs:
        raise CatalogError(missing)
    found = CommittedRuns(uri=uri, table=table, runs=tuple(runs))
    if upto is None:
        _check_whole(store, found)
    return found


def not_whole(uri: str, missing: list[str]) -> CatalogError:
    """Tell that committed files of an output are gone."""
    return CatalogError(
        f"{uri} is not whole: {len(missing)} files that were committed are gone, "
        f"{missing[0]} among them. Copy the folder again, with all that is in it."
    )


def _check_published(uri: str, last: RunManifest, manifests: list[RunManifest]) -> None:
    if all(one.run_id != last.run_id for one in manifests):
        raise CatalogError(
            f"The last run into {uri} was committed, but not all of its files are in place yet. "
            "Run its command again: it does only that."
        )


def _check_whole(store: Store, found: CommittedRuns) -> None:
    present = {entry.path for entry in store.entries(found.table)}
    missing = [path for path in found.paths if path not in present]
    if missing:
        raise not_whole(found.uri, missing)
