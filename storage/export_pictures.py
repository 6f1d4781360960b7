"""The pictures of a committed part as files of their own, or as a shard of a WebDataset."""

import contextlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from schemas.errors import RunError
from storage.export_plan import PartToExport, PictureFolders, note_path, shard_path
from storage.image_names import EXTENSIONS, NAMED_BY, image_path, sample_key
from storage.parallel import for_each
from storage.store import Store, open_store

# Rows in memory at the same time: each holds an encoded picture.
_ROWS_AT_ONCE = 32
_BUFFER_BYTES = 4 << 20


def export_part(out: Store, part: PartToExport, folders: PictureFolders) -> None:
    """Write what is missing of a part, and note it.

    Memory is bounded by some rows. It may be done again, and by several workers.

    Raises:
        RunError: nothing can be written there, or not all of it.

    """
    if part.as_files:
        target = open_store(folders.images)
        _write_images(out, part, target)
        with _writing_to(target):
            target.put(note_path(part.path), b"{}")
    if part.as_shard:
        _write_shard(out, part.path, open_store(folders.webdataset))


def _write_images(out: Store, part: PartToExport, target: Store) -> None:
    table = part.path.partition("/")[0]

    def put(row: dict[str, Any]) -> None:
        target.put(image_path(table, row), row["image"])

    number = 0
    for rows in _batches(out, part.path, [*NAMED_BY[table], "image"]):
        later = part.superseded[number : number + len(rows)] or bytes(len(rows))
        wanted = [row for row, superseded in zip(rows, later, strict=True) if not superseded]
        number += len(rows)
        with _writing_to(target):
            for_each(target, put, wanted)


def _write_shard(out: Store, path: str, target: Store) -> None:
    with tempfile.TemporaryDirectory(prefix="calumma-shard-") as folder:
        shard = Path(folder) / "shard.tar"
        with shard.open("wb") as file:
            _fill_shard((row for rows in _batches(out, path, None) for row in rows), file)
        with _writing_to(target):
            target.put_file(shard_path(path), shard)


@contextlib.contextmanager
def _writing_to(target: Store) -> Iterator[None]:
    """Say of what the disk or the store refuses where that was, and that no row is lost."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"The rows are committed, but their pictures cannot be written to {target.uri}: "
            f"{error.strerror or error}. Once that is mended, run the same command again: it "
            "writes what is missing there."
        ) from error


def _fill_shard(rows: Iterable[dict[str, Any]], file: BinaryIO) -> None:
    """Write a tar whose bytes follow from the rows alone."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for row in rows:
            key = sample_key(row["asset_id"], row["sample_number"])
            members = {
                EXTENSIONS[row["media_type"]]: row.pop("image"),
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


def _batches(
    out: Store, path: str, columns: Sequence[str] | None
) -> Iterator[list[dict[str, Any]]]:
    with out.open(path) as file:
        part = pq.ParquetFile(file, buffer_size=_BUFFER_BYTES)
        wanted = None if columns is None else list(columns)
        for batch in part.iter_batches(_ROWS_AT_ONCE, columns=wanted, use_threads=False):
            yield batch.to_pylist()
