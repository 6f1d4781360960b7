"""The pictures of committed parts as files of their own, or as the shards of a WebDataset.

Each part is written once it is committed, in the order of the commits, and then noted: who comes
again goes on behind what is noted. What was written of a part before it was noted is written again,
the same.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from storage.image_names import image_name, sample_key
from storage.latest import read_manifests
from storage.layout import published_path
from storage.parallel import for_each
from storage.store import Store, open_store

WRITTEN = "_written"
"""Where a folder of pictures notes the parts that are written to it as a whole."""

# Rows in memory at the same time: each holds an encoded picture.
_ROWS_AT_ONCE = 32
_BUFFER_BYTES = 1 << 20
_EXTENSIONS = {"image/png": "png", "image/webp": "webp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFolders:
    """Where a table's pictures go besides; empty for nowhere.

    Attributes:
        images: folder of files, named by asset id and sample number.
        webdataset: folder of tars: a picture, its text and its row as JSON, for each sample.

    """

    images: str = ""
    webdataset: str = ""


def export_pictures(out: Store, table: str, folders: PictureFolders) -> None:
    """Write what is committed and not written yet, of all runs.

    Memory is bounded by some rows, whatever the table's size.
    """
    if folders.images:
        target = open_store(folders.images)
        for path in unwritten_images(out, table, target):
            _write_images(out, path, target)
            target.put(_note_of(path), b"{}")
    if folders.webdataset:
        target = open_store(folders.webdataset)
        for path in unwritten_shards(out, table, target):
            _write_shard(out, path, target)


def is_exported(out: Store, table: str, folders: PictureFolders) -> bool:
    """Whether nothing of it is left to do."""
    return not (
        (folders.images and unwritten_images(out, table, open_store(folders.images)))
        or (folders.webdataset and unwritten_shards(out, table, open_store(folders.webdataset)))
    )


def unwritten_images(out: Store, table: str, target: Store) -> list[str]:
    """Committed parts whose pictures are not, or not all, in a folder of files."""
    noted = {entry.path for entry in target.entries(WRITTEN)}
    return [path for path in _committed(out, table) if _note_of(path) not in noted]


def unwritten_shards(out: Store, table: str, target: Store) -> list[str]:
    """Committed parts that are not in a folder of shards."""
    there = {entry.path for entry in target.entries("")}
    return [path for path in _committed(out, table) if _shard_of(path) not in there]


def _committed(out: Store, table: str) -> list[str]:
    prefix = published_path(table, "", "").partition("=")[0]
    return [
        path
        for manifest in sorted(read_manifests(out), key=lambda manifest: manifest.commit)
        for path in manifest.files
        if path.startswith(prefix)
    ]


def _note_of(path: str) -> str:
    return f"{WRITTEN}/{_name_of(path)}.json"


def _shard_of(path: str) -> str:
    return f"{_name_of(path)}.tar"


def _name_of(path: str) -> str:
    """A part's name, the same in every folder: its run's id and its own name there."""
    _, run, part = path.split("/")
    return f"{run.partition('=')[2]}-{part.removeprefix('part-').removesuffix('.parquet')}"


def _write_images(out: Store, path: str, target: Store) -> None:
    def put(row: dict[str, Any]) -> None:
        extension = _EXTENSIONS[row["media_type"]]
        name = image_name(row["asset_id"], extension, row["sample_number"])
        target.put(name, row["image"])

    for rows in _batches(out, path, ["asset_id", "sample_number", "media_type", "image"]):
        for_each(target, put, rows)


def _write_shard(out: Store, path: str, target: Store) -> None:
    with tempfile.TemporaryDirectory(prefix="calumma-shard-") as folder:
        shard = Path(folder) / "shard.tar"
        with shard.open("wb") as file:
            _fill_shard((row for rows in _batches(out, path, None) for row in rows), file)
        target.put_file(_shard_of(path), shard)


def _fill_shard(rows: Iterable[dict[str, Any]], file: BinaryIO) -> None:
    """Write a tar whose bytes follow from the rows alone."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for row in rows:
            key = sample_key(row["asset_id"], row["sample_number"])
            members = {
                _EXTENSIONS[row["media_type"]]: row.pop("image"),
                "txt": row["text"].encode(),
                "json": json.dumps(_described(row), ensure_ascii=False).encode(),
            }
            for extension, content in members.items():
                header = tarfile.TarInfo(f"{key}.{extension}")
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps all headers


def _described(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the JSON object of its sample: what is JSON in it stands there as it is."""
    return {**row, **{name: json.loads(row[name]) for name in ("settings", "attributes")}}


def _batches(out: Store, path: str, columns: list[str] | None) -> Iterator[list[dict[str, Any]]]:
    with out.open(path) as file:
        part = pq.ParquetFile(file, buffer_size=_BUFFER_BYTES)
        for batch in part.iter_batches(_ROWS_AT_ONCE, columns=columns, use_threads=False):
            yield batch.to_pylist()
