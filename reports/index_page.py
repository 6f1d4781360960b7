"""The page of an index: its card, its versions, and the vectors that it could not take."""

import json
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from reports.output_folder import write_whole
from reports.rendering import render
from schemas.errors import RunError
from storage.index.card import IndexCard
from storage.index.shard import RECORD
from storage.index_shards import FAILURES
from storage.index_store import VERSIONS, IndexRecord, newest_records
from storage.layout import RUNS
from storage.parallel import for_each
from storage.store import Store, open_store
from storage.uris import absolute_uri

MOST_VERSIONS = 50
MOST_FAILURES = 100

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSummary:
    """What :func:`write_index_page` wrote; as text, a line for the terminal.

    Attributes:
        path: the page.
        version: number of the index's version.
        vectors: that can be found in it; None where it holds too few to measure.

    """

    path: str
    version: int
    vectors: int | None

    def __str__(self) -> str:
        """For example ``index/report.html: version 3, 12,000 vectors``."""
        held = "too few vectors to measure" if self.vectors is None else f"{self.vectors:,} vectors"
        return f"{self.path}: version {self.version}, {held}"


def is_index(folder: str) -> bool:
    """Whether a folder is an index's, and not a job's output."""
    store = open_store(absolute_uri(folder))
    return _holds(store, VERSIONS) and not _holds(store, RUNS)


def write_index_page(index: str, destination: str | None = None) -> IndexSummary:
    """Write a page about an index.

    Args:
        index: its folder, a local path or a URI.
        destination: the file to write, a local path or a URI; ``INDEX/report.html`` by default.

    Raises:
        CalummaError: a version cannot be read, or the destination's folder is not there.
        RunError: a file of the index cannot be read, or the page not be written.

    """
    store = open_store(absolute_uri(index))
    records = newest_records(store, MOST_VERSIONS)
    newest = records[0]
    card = newest.version.card
    sizes = _sizes(store, newest)
    failures, failed = _failures(store)
    content = render(
        "index.html",
        index=absolute_uri(index).rstrip("/"),
        newest=newest,
        card=card,
        settings=_settings(card) if card else [],
        recalls=_recalls(card) if card else [],
        records=records,
        sizes=sizes,
        failures=failures,
        failed=failed,
    )
    path = destination if destination is not None else f"{index.rstrip('/')}/report.html"
    write_whole(path, content.encode())
    return IndexSummary(path=path, version=newest.number, vectors=card.count if card else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """What the shards of a version hold.

    Attributes:
        searched: bytes of FAISS's files, which a search keeps in sight.
        stored: bytes of the vectors and ids beside them, read where they are needed.

    """

    shards: int
    vectors: int
    searched: int
    stored: int


def _sizes(store: Store, record: IndexRecord) -> _Sizes:
    def read(name: str) -> Any:
        return json.loads(store.get(f"{name}/{RECORD}"))

    try:
        shards = for_each(store, read, record.version.shards)
        files = [
            (name.startswith(("index.", "lists.")), file["size"])
            for shard in shards
            for name, file in shard["files"].items()
        ]
        return _Sizes(
            shards=len(shards),
            vectors=sum(shard["count"] for shard in shards),
            searched=sum(size for searched, size in files if searched),
            stored=sum(size for searched, size in files if not searched),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"A shard of {store.uri} has no record that can be read: {error}. Fetch or build the "
            "index again."
        ) from error


def _failures(store: Store) -> tuple[list[Row], int]:
    """Some of the vectors that builds could not take, and how many there are."""
    rows: list[Row] = []
    count = 0
    for entry in store.entries(FAILURES):
        with store.open(entry.path) as file:
            table = pq.ParquetFile(file)
            count += table.metadata.num_rows
            columns = ["asset_id", "message", "uri"]
            for batch in table.iter_batches(batch_size=MOST_FAILURES, columns=columns):
                rows += batch.to_pylist()[: MOST_FAILURES - len(rows)]
                if len(rows) >= MOST_FAILURES:
                    break
    return rows, count


def _settings(card: IndexCard) -> list[tuple[str, str]]:
    """How it is searched, where there is something to set."""
    found = []
    if card.kind == "ivf":
        found.append(("Clusters looked at", f"{card.settings.nprobe:,}"))
    if card.kind == "hnsw":
        found.append(("Vectors kept in sight", f"{card.settings.ef_search:,}"))
    if card.settings.factor > 1:
        found.append(("Scored again, for each neighbour", f"{card.settings.factor:,}"))
    return found


def _recalls(card: IndexCard) -> list[tuple[int, float, str]]:
    """Recall at each k, and what is to be said of it."""
    said = {}
    if 10 in card.recall:
        missed = card.recall[10] < card.target
        said[10] = f"{'missed' if missed else 'reached'}: {card.target:g} was asked for"
    return [(k, card.recall[k], said.get(k, "")) for k in sorted(card.recall)]


def _holds(store: Store, folder: str) -> bool:
    return next(iter(store.entries(folder)), None) is not None
