"""What the neighbours in a page are: their texts and pictures, looked up in the index."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from reports.asset_pictures import AssetPictures
from reports.reading import Row
from reports.small_pictures import SmallPicture
from schemas.errors import CalummaError
from storage.index.shard import OFFSETS, TEXT
from storage.index_rows import IndexedAsset, find_assets
from storage.index_shards import ROWS
from storage.index_store import IndexRecord, is_complete, latest_record
from storage.store import Store, open_store
from storage.store.local import LocalStore

MOST_FETCHED = 300
"""Pictures that are read where they lie; others are shown if a thumbnail was kept."""

_LONGEST_TEXT = 200
_MOST_TEXT_BYTES = 900_000
# Of an index in an object store: its ids and rows, which are some hundred bytes a vector.
_MOST_BYTES_TO_FETCH = 200_000_000


@dataclass(slots=True, kw_only=True)
class NeighborAssets:
    """The neighbours of some rows.

    Attributes:
        assets: what is known of a neighbour, by its id: ``text``, ``uri``, ``why`` there is no
            picture.
        jpegs: their pictures, by id.
        problem: why nothing is known of them; empty where something is.

    """

    assets: dict[str, Row] = field(default_factory=dict)
    jpegs: dict[str, bytes] = field(default_factory=dict)
    problem: str = ""


def look_up(
    rows: Sequence[Row], known: Mapping[tuple[str, str], bytes], *, most_bytes: int
) -> NeighborAssets:
    """Look up the neighbours of rows, as far as there is room for them.

    Args:
        rows: of one run, the first to be seen first.
        known: pictures at hand, by id and uri.
        most_bytes: of pictures.

    """
    ids = list(dict.fromkeys(name for row in rows for name in row["neighbors"]))
    if not ids:
        return NeighborAssets()
    index = str(rows[0]["index"])
    try:
        store = open_store(index)
        record = latest_record(store, int(rows[0]["index_version"]))
        if record is not None and not is_complete(store, record):
            # Its shards were merged with those of later nights, and are gone.
            record = latest_record(store)
        if record is None:
            return NeighborAssets(problem=f"{index} is not there any more.")
        with ExitStack() as stack:
            folder = _local(store, record, stack)
            if folder is None:
                return NeighborAssets(problem=f"{index} is too large to be fetched for a page.")
            found = find_assets(folder, record.version, ids)
    except (OSError, ValueError, CalummaError) as error:
        return NeighborAssets(problem=f"{index} cannot be read: {error}")
    wanted = [found[name] for name in ids if name in found]
    pictures = _pictures(AssetPictures(index, record), wanted, known)
    return _within(wanted, pictures, most_bytes)


def _local(store: Store, record: IndexRecord, stack: ExitStack) -> Path | None:
    """The folder of a version's ids and rows on this machine; None where they are too large."""
    if isinstance(store, LocalStore):
        return Path(store.uri)
    entries = [
        entry
        for shard in record.version.shards
        for entry in store.entries(shard)
        if entry.path.rpartition("/")[2] in {OFFSETS, TEXT, ROWS}
    ]
    if sum(entry.size for entry in entries) > _MOST_BYTES_TO_FETCH:
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="calumma-neighbors-")))
    for entry in entries:
        (folder / entry.path).parent.mkdir(parents=True, exist_ok=True)
        store.fetch(entry.path, folder / entry.path)
    return folder


def _pictures(
    loading: AssetPictures,
    assets: Sequence[IndexedAsset],
    known: Mapping[tuple[str, str], bytes],
) -> dict[str, SmallPicture]:
    found = {
        one.asset_id: SmallPicture(jpeg=known[one.asset_id, one.uri])
        for one in assets
        if (one.asset_id, one.uri) in known
    }
    rest = [one for one in assets if one.asset_id not in found]
    kept = loading.kept([one.asset_id for one in rest])
    found |= {name: SmallPicture(jpeg=jpeg) for name, jpeg in kept.items()}
    fetched = list(islice((one for one in rest if one.asset_id not in kept), MOST_FETCHED))
    loaded = loading.load(fetched)
    return found | {asset.asset_id: picture for asset, picture in zip(fetched, loaded, strict=True)}


def _within(
    assets: Sequence[IndexedAsset], pictures: Mapping[str, SmallPicture], most_bytes: int
) -> NeighborAssets:
    told = NeighborAssets()
    left_of_texts, left_of_pictures = _MOST_TEXT_BYTES, most_bytes
    not_looked_at = SmallPicture(problem="not in this page")
    for asset in assets:
        text = asset.text[:_LONGEST_TEXT] + ("…" if len(asset.text) > _LONGEST_TEXT else "")
        picture = pictures.get(asset.asset_id, not_looked_at)
        row: Row = {"text": text, "uri": asset.uri[:_LONGEST_TEXT], "why": picture.problem}
        left_of_texts -= sum(len(value.encode("utf-8", "replace")) for value in row.values())
        if left_of_texts < 0:
            break
        if len(picture.jpeg) <= left_of_pictures:
            left_of_pictures -= len(picture.jpeg)
            if picture.jpeg:
                told.jpegs[asset.asset_id] = picture.jpeg
        else:
            row["why"] = not_looked_at.problem
        told.assets[asset.asset_id] = row
    return told
