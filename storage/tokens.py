"""The codes that tokenizing jobs left in an output: which files, of which model, how framed."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.errors import CatalogError
from schemas.manifest import RunManifest
from storage.catalog.plan import plan_files
from storage.catalog.split import CatalogFile, Split
from storage.commit_record import last_commit
from storage.latest import read_manifests
from storage.store import Store, open_store

TABLE = "tokens"
_FOLDER_REVISION = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChoice:
    """Which of an output's codes are meant.

    Attributes:
        model: those of this model, if there are any, else all; ``revision``: and of this revision.
        upto: number of the last commit to look at.

    """

    model: str
    revision: str
    upto: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRuns:
    """Runs of tokenizing jobs, in the order of their commits.

    Attributes:
        uri: the output.
        runs: their manifests; there is one at least.

    """

    uri: str
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
        prefix = f"{TABLE}/"
        return tuple(path for run in self.runs for path in run.files if path.startswith(prefix))

    def of(self, model: str, revision: str) -> "TokenRuns":
        """Those of a model if there are any, else all: models may share a tokenizer."""
        like = tuple(one for one in self.runs if (one.model, one.revision) == (model, revision))
        return TokenRuns(uri=self.uri, runs=like or self.runs)


def find_tokens(uri: str, upto: int | None = None) -> TokenRuns:
    """Find the committed codes of an output; their files are not opened.

    Args:
        uri: the output.
        upto: number of the last commit to look at; None for all.

    Raises:
        CatalogError: there are none, the last commit was interrupted while its files were moved,
            or files that were committed are gone.

    """
    store = open_store(uri)
    manifests = read_manifests(store)
    runs = sorted(
        (
            one
            for one in manifests
            if one.table == TABLE and one.counts.rows_out and (upto is None or one.commit <= upto)
        ),
        key=lambda one: one.commit,
    )
    last = last_commit(store)
    if last is not None and last.manifest.table == TABLE and upto is None:
        _check_published(uri, last.manifest, manifests)
    if not runs:
        raise CatalogError(
            f"{uri} holds no codes of pictures. Make some: calumma tokenize CATALOG {uri}."
        )
    found = TokenRuns(uri=uri, runs=tuple(runs))
    if upto is None:
        _check_whole(store, found)
    return found


def plan_tokens(uri: str, choice: TokenChoice, limit: int | None) -> Iterator[Split]:
    """Cut an output's codes into splits, in the order of their commits."""
    runs = find_tokens(uri, choice.upto).of(choice.model, choice.revision)
    base = uri.rstrip("/")
    # No identity: what is published never changes, and to ask for it costs a request a window.
    files = (CatalogFile(uri=f"{base}/{path}", identity="", name=path) for path in runs.paths)
    yield from plan_files(files, TABLE, limit)


def _check_published(uri: str, last: RunManifest, manifests: list[RunManifest]) -> None:
    if all(one.run_id != last.run_id for one in manifests):
        raise CatalogError(
            f"The last run into {uri} was committed, but not all of its files are in place yet. "
            "Run its command again: it does only that."
        )


def _check_whole(store: Store, found: TokenRuns) -> None:
    present = {entry.path for entry in store.entries(TABLE)}
    missing = [path for path in found.paths if path not in present]
    if missing:
        raise CatalogError(
            f"{found.uri} is not whole: {len(missing)} files that were committed are gone, "
            f"{missing[0]} among them. Copy the folder again, with all that is in it."
        )
