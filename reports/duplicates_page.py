"""The page of a search for duplicates: how many, how near, and clusters to judge by eye."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from reports.newest_run import is_newest
from reports.output_folder import write_whole
from reports.pictures import base64_of
from reports.rendering import render
from reports.small_pictures import SmallPicture, load_small_pictures, policy_for_page
from schemas.duplicate import Why
from schemas.manifest import RunManifest
from storage.duplicates.record import DuplicatesRecord, newest_record
from storage.embeddings import open_part
from storage.latest import read_history, read_manifests
from storage.layout import DUPLICATES
from storage.store import open_store
from storage.uris import absolute_uri

CLOSEST_CALLS = 40
LARGEST = 20
MOST_MEMBERS = 6
"""Of a cluster that are shown besides the kept one."""

_BARS = 12
_ROWS_AT_ONCE = 8192

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatesSummary:
    """What :func:`write_duplicates_page` wrote; as text, a line for the terminal."""

    path: str
    clusters: int

    def __str__(self) -> str:
        """For example ``out/report.html: 992 clusters of duplicates``."""
        return f"{self.path}: {self.clusters:,} clusters of duplicates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster as the page shows it.

    Attributes:
        size: of all its pictures.
        farthest: the largest difference of a near one from the kept one; 0 without near ones.
        members: the kept one first, then those least like it.

    """

    size: int
    farthest: float
    members: tuple[Row, ...]


def is_of_duplicates(out: str) -> bool:
    """Whether the newest thing that an output holds is a search for duplicates."""
    return is_newest(out, DUPLICATES, "duplicates")


def write_duplicates_page(
    out: str, destination: str | None = None, *, allow_private_addresses: bool = False
) -> DuplicatesSummary:
    """Write a page about what a search for duplicates found.

    Args:
        out: the output, a local path or a URI.
        destination: the file to write, a local path or a URI; ``OUT/report.html`` by default.
        allow_private_addresses: whether http(s) pictures may come from this machine and private
            networks.

    Raises:
        CalummaError: a record cannot be read, or the destination's folder is not there.
        RunError: the page cannot be written.

    """
    uri = absolute_uri(out)
    record = newest_record(open_store(uri))
    assert record is not None
    run = next(one for one in read_manifests(open_store(uri)) if one.run_id == record.run_id)
    closest, largest, bars = _look_through(uri, record)
    shown = {str(row["uri"]): None for one in (*closest, *largest) for row in one.members}
    policy = policy_for_page(_named_by(uri, run), allow_private_addresses=allow_private_addresses)
    pictures = dict(zip(shown, load_small_pictures(list(shown), policy), strict=True))
    content = render(
        "duplicates.html",
        out=uri.rstrip("/"),
        record=record,
        catalog=str(run.config.get("catalog", "")),
        left_out=sum(record.left_out.values()),
        bars=bars,
        lists=(
            ("Closest calls", "closest", _CLOSEST_SAID, _with_pictures(closest, pictures)),
            ("Largest clusters", "largest", _LARGEST_SAID, _with_pictures(largest, pictures)),
        ),
        most_members=MOST_MEMBERS,
    )
    path = destination if destination is not None else f"{out.rstrip('/')}/report.html"
    write_whole(path, content.encode())
    return DuplicatesSummary(path=path, clusters=record.clusters)


_CLOSEST_SAID = (
    "The clusters with the near pictures that differ most from what is kept of them: if these are "
    "right, so are the others. If they are not, lower --max-difference; nothing is signed again."
)
_LARGEST_SAID = "Many pictures alike may be a placeholder, or one product from all sides."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Near pictures within a range of differences; ``share`` is of the longest bar, 0 to 1."""

    low: float
    high: float
    count: int
    share: float


def _look_through(
    uri: str, record: DuplicatesRecord
) -> tuple[list[Cluster], list[Cluster], list[Bar]]:
    """Read the table once: the closest calls, the largest clusters, and all differences."""
    closest: list[tuple[float, int, Cluster]] = []
    largest: list[tuple[int, int, Cluster]] = []
    edges = np.linspace(0, record.max_difference, _BARS + 1)
    counts = np.zeros(_BARS, np.int64)
    for number, rows in enumerate(_clusters(uri, record)):
        differences = [row["difference"] for row in rows if row["why"] == Why.NEAR.value]
        # Those that hang together by others may differ more from what is kept.
        counts += np.histogram(np.minimum(differences, edges[-1]), edges)[0]
        order = sorted(rows, key=lambda row: (not row["kept"], -row["difference"]))
        cluster = Cluster(
            size=len(rows),
            farthest=max(differences, default=0.0),
            members=tuple(order[: MOST_MEMBERS + 1]),
        )
        if differences:
            _keep(closest, (cluster.farthest, -number, cluster), CLOSEST_CALLS)
        if cluster.size > 2:
            _keep(largest, (cluster.size, -number, cluster), LARGEST)
    longest = max(int(counts.max()), 1)
    bars = [
        Bar(low=float(low), high=float(high), count=int(count), share=count / longest)
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
    return (
        [one for *_, one in sorted(closest, key=lambda entry: entry[:2], reverse=True)],
        [one for *_, one in sorted(largest, key=lambda entry: entry[:2], reverse=True)],
        bars,
    )


def _keep(heap: list[Any], entry: tuple[Any, int, Cluster], most: int) -> None:
    """Keep the greatest entries; their numbers differ, so clusters are never compared."""
    if len(heap) < most:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


def _clusters(uri: str, record: DuplicatesRecord) -> Iterator[list[Row]]:
    """The clusters, in the table's order, which keeps the rows of each together."""

    def rows() -> Iterator[Row]:
        for path in read_history(open_store(uri)).replacements.resolve(record.files):
            for batch in open_part(uri, path).iter_batches(batch_size=_ROWS_AT_ONCE):
                yield from batch.to_pylist()

    for _, members in groupby(rows(), key=lambda row: row["kept_id"]):
        yield list(members)


def _with_pictures(
    clusters: Sequence[Cluster], pictures: Mapping[str, SmallPicture]
) -> list[tuple[Cluster, list[tuple[Row, str, str]]]]:
    return [
        (
            one,
            [
                (row, base64_of(pictures[row["uri"]].jpeg), pictures[row["uri"]].problem)
                for row in one.members
            ],
        )
        for one in clusters
    ]


def _named_by(out: str, run: RunManifest) -> str:
    """A local file is read only where both the output and the catalog are of this machine."""
    catalog = str(run.config.get("catalog", ""))
    return next((one for one in (out, catalog) if "://" in one), out)
