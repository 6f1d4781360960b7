"""What a shard's folder holds, and the record that says so.

::

    shard.json       the record, written last: a shard is there once it is
    index.faiss      the codes
    lists.ivfdata    the inverted lists of a merged IVF index; absent elsewhere
    vectors.raw      the vectors, little-endian float16 or float32, row after row
    ids.offsets      see storage.index.ids
    ids.utf8
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from schemas.errors import UsageError
from storage.index.descriptions import FORMAT_VERSION, read_description, write_description
from storage.index.errors import IndexDamagedError
from storage.index.kinds import Kind

StoredAs = Literal["float16", "float32"]

RECORD = "shard.json"
INDEX = "index.faiss"
LISTS = "lists.ivfdata"
VECTORS = "vectors.raw"
OFFSETS = "ids.offsets"
TEXT = "ids.utf8"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One file of a shard: its size in bytes and the BLAKE2 hash of its content."""

    size: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRecord:
    """A shard.

    Attributes:
        format_version: of the folder's layout.
        kind: how it is searched.
        trained: hash of the trained index that its codes are made with.
        dimension: of the vectors.
        count: vectors, removed ones included.
        stored_as: type of the stored vectors.
        files: by name.

    """

    format_version: int
    kind: Kind
    trained: str
    dimension: int
    count: int
    stored_as: StoredAs
    files: Mapping[str, FileRecord]


def new_shard_folder(folder: Path) -> None:
    """Make a shard's folder.

    Raises:
        UsageError: there is something in it.

    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty. Write the shard to a folder of its own.")


def write_shard_record(
    folder: Path, *, kind: Kind, trained: str, dimension: int, count: int, stored_as: StoredAs
) -> ShardRecord:
    """Describe the files of a shard, and so complete it."""
    files = {
        path.name: FileRecord(size=path.stat().st_size, digest=_digest_of_file(path))
        for path in sorted(folder.iterdir())
    }
    record = ShardRecord(
        format_version=FORMAT_VERSION,
        kind=kind,
        trained=trained,
        dimension=dimension,
        count=count,
        stored_as=stored_as,
        files=files,
    )
    write_description(folder / RECORD, asdict(record))
    return record


def read_shard_record(folder: Path) -> ShardRecord:
    """Read a shard's record, and check the format and the sizes of the files.

    Raises:
        IndexDamagedError: the record or a file is missing, or a file is not of its size.
        IndexMismatchError: the shard is of another format.

    """
    fields = read_description(folder / RECORD)
    try:
        fields["files"] = {name: FileRecord(**file) for name, file in fields["files"].items()}
        record = ShardRecord(**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise IndexDamagedError(f"{folder / RECORD} does not describe a shard.") from error
    _check_sizes(folder, record)
    return record


def verify_digests(folder: Path) -> None:
    """Read all files of a shard and compare them with its record: after a transfer, for instance.

    Raises:
        IndexDamagedError: a file is not what was written.

    """
    for name, file in read_shard_record(folder).files.items():
        if _digest_of_file(folder / name) != file.digest:
            raise IndexDamagedError(f"{folder / name} is not what was written. Fetch it again.")


def digest_of(data: bytes) -> str:
    """Hash some bytes as files are hashed: 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _check_sizes(folder: Path, record: ShardRecord) -> None:
    for name, file in record.files.items():
        path = folder / name
        if not path.exists():
            raise IndexDamagedError(f"{path} is missing. Fetch or build the shard again.")
        size = path.stat().st_size
        if size != file.size:
            raise IndexDamagedError(
                f"{path} has {size:,} bytes and should have {file.size:,}. Fetch it again."
            )
    width = 2 if record.stored_as == "float16" else 4
    expected = {
        VECTORS: record.count * record.dimension * width,
        OFFSETS: (record.count + 1) * 8,
    }
    if any(name not in record.files for name in (INDEX, VECTORS, OFFSETS, TEXT)) or any(
        record.files[name].size != size for name, size in expected.items()
    ):
        raise IndexDamagedError(f"{folder / RECORD} and the files beside it do not fit together.")
