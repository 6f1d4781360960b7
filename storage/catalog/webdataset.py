"""WebDataset tars: members that share a name up to its first dot are one sample, read in place."""

import itertools
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from tarfile import (  # type: ignore[attr-defined]
    InvalidHeaderError,
    ReadError,
    TruncatedHeaderError,
)
from typing import Any, BinaryIO, Self

from schemas.asset import Asset
from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.catalog.columns import (
    ColumnNames,
    build_asset,
    id_text,
    map_columns,
    missing_id,
    plain_text,
)
from storage.catalog.listing import PICTURE_SUFFIXES
from storage.catalog.opening import open_file
from storage.catalog.split import ROWS_PER_SPLIT, CatalogFile, CatalogRow, RowRange, Split
from storage.inside import member_uri

_MAX_TEXT_BYTES = 1 << 20
_MAX_MEMBER_BYTES = 1 << 28
_PICTURE_EXTENSIONS = frozenset(suffix.removeprefix(".") for suffix in PICTURE_SUFFIXES)


def is_compressed_tar(uri: str) -> bool:
    """Whether the tar can only be read from its beginning."""
    return not uri.lower().endswith(".tar")


def plan(file: CatalogFile, _given: ColumnNames) -> Iterator[RowRange]:
    """Cut the tar into runs of samples by one look at its headers."""
    with open_file(file.uri) as opened:
        row = start = byte_start = 0
        whole = is_compressed_tar(file.uri)
        key = ""
        archive = _open_tar(opened, file.uri)
        for member in _members(archive, None):
            if (new := _sample_key(member.name)) != key or row == 0:
                if row - start == ROWS_PER_SPLIT and not whole:
                    byte = member.offset
                    yield RowRange(start=start, stop=row, byte_start=byte_start, byte_stop=byte)
                    start, byte_start = row, byte
                key, row = new, row + 1
        if row > start:
            yield RowRange(start=start, stop=row, byte_start=byte_start, byte_stop=archive.offset)


def read(split: Split, _given: ColumnNames) -> Iterator["SampleBlock"]:
    """Read a split's headers, one block of samples."""
    with open_file(split.file.uri) as opened:
        compressed = is_compressed_tar(split.file.uri)
        if not compressed:
            opened.seek(split.rows.byte_start)
        archive = _open_tar(opened, split.file.uri)
        samples = _samples(archive, None if compressed else split.rows.byte_stop)
        samples = itertools.islice(samples, split.row_count)
        if compressed:
            # A stream cannot come back for a sample: each is its own block, read as it passes.
            for position, sample in enumerate(samples):
                yield SampleBlock(split, archive, position, [sample])
            return
        yield SampleBlock(split, archive, 0, list(samples))


class SampleBlock:
    """Samples of a tar: headers at hand, contents read when wanted."""

    def __init__(
        self,
        split: Split,
        archive: tarfile.TarFile,
        start: int,
        samples: Sequence[tuple[str, dict[str, "_Member"]]],
    ) -> None:
        self._split = split
        self._archive = archive
        self.start = start
        self._samples = samples
        self.ids: list[str | None] = [id_text(key) for key, _ in samples]
        self.versions: list[str] = [
            ",".join(f"{name}:{member.size}:{member.mtime}" for name, member in members.items())
            for _, members in samples
        ]

    def rows(self, wanted: Sequence[int], *, pictures: bool = True) -> Iterator[CatalogRow]:
        """Read the wanted samples' members."""
        for index in wanted:
            asset_id, members = self.ids[index], self._samples[index][1]
            row = self.start + index
            where = f"Sample {asset_id} of {self._split.file.uri}"
            extension = next((name for name in members if name in _PICTURE_EXTENSIONS), None)
            problem = None
            data = None
            file = self._split.file.uri
            uri = f"{file}#{asset_id or ''}"
            if asset_id is None:
                problem = missing_id(f"A sample of {self._split.file.uri}")
            elif extension is None:
                problem = RowError(
                    FailureKind.INVALID_ROW,
                    f"{where} holds no picture: its members end in "
                    f"{', '.join(itertools.islice(members, 10))}.",
                )
            else:
                picture = members[extension]
                name = f"{asset_id}.{extension}"
                # Of a stream, no single member can be read again.
                uri = (
                    f"{file}#{name}"
                    if is_compressed_tar(file)
                    else member_uri(file, name, picture.start, picture.size)
                )
                data = picture.read(self._archive) if pictures else None
                if data is None and pictures:
                    problem = RowError(
                        FailureKind.TOO_LARGE, f"{where}: the picture's member is too large."
                    )
            record = self._metadata(members)
            columns = map_columns([*record, "__picture__"], ColumnNames(uri="__picture__"))
            # Key and version are the members': fields of these names are like any others.
            columns = replace(columns, id=None, version=None)
            version = self.versions[index]
            asset: Asset = build_asset(record, columns, asset_id or "", uri, version)
            yield CatalogRow(position=row, asset=asset, data=data, problem=problem)

    def _metadata(self, members: dict[str, "_Member"]) -> dict[str, Any]:
        """The sample's texts: a ``json`` member's fields, ``txt`` as text, others by extension."""
        record: dict[str, Any] = {}
        for name, member in members.items():
            if name in _PICTURE_EXTENSIONS or member.size > _MAX_TEXT_BYTES:
                continue
            data = member.read(self._archive) or b""
            try:
                content = data.decode("utf-8", "replace" if name in {"txt", "json"} else "strict")
            except UnicodeDecodeError:
                continue  # a mask, an array: not a text
            if name == "json":
                try:
                    fields = json.loads(content)
                except (ValueError, RecursionError):
                    fields = None
                if isinstance(fields, dict):
                    record.update(fields)
                    continue
            record["text" if name == "txt" else name] = content.strip()
        return record


class _Member:
    """One member: where it is, and its content if the tar is a stream."""

    def __init__(self, info: tarfile.TarInfo, content: bytes | None) -> None:
        self.size = info.size
        self.start = info.offset_data
        self.mtime = int(info.mtime)
        self._info = info
        self._content = content

    def read(self, archive: tarfile.TarFile) -> bytes | None:
        """The member's content; None if it is too large to be a picture."""
        if self._content is not None or self.size > _MAX_MEMBER_BYTES:
            return self._content
        file = archive.extractfile(self._info)
        return file.read() if file else b""


def _samples(
    archive: tarfile.TarFile, byte_stop: int | None
) -> Iterator[tuple[str, dict[str, _Member]]]:
    key: str | None = None
    members: dict[str, _Member] = {}
    for info in _members(archive, byte_stop):
        if (new := _sample_key(info.name)) != key:
            if key is not None:
                yield key, members
            key, members = new, {}
        extension = info.name.rpartition("/")[2].partition(".")[2].lower()
        content = None
        if byte_stop is None and info.size <= _most_bytes(extension, members):
            file = archive.extractfile(info)
            content = file.read() if file else b""
        members[plain_text(extension)] = _Member(info, content)
    if key is not None:
        yield key, members


def _members(archive: tarfile.TarFile, byte_stop: int | None) -> Iterator[tarfile.TarInfo]:
    """The files of a tar up to a byte; what lies behind it is not looked at."""
    while (info := archive.next()) is not None:
        # tarfile keeps the headers read so far: 10 million of them.
        archive.members = []  # type: ignore[attr-defined]
        if info.isfile():
            yield info
        if byte_stop is not None and archive.offset >= byte_stop:
            return
    while block := archive.fileobj.read(1 << 20):
        if block.strip(b"\0"):
            raise ReadError(f"more follows behind the end at byte {archive.offset}")


def _most_bytes(extension: str, members: dict[str, _Member]) -> int:
    """How much of a stream's member is kept: a sample has one picture, the others are texts."""
    is_first = _PICTURE_EXTENSIONS.isdisjoint(members)
    return _MAX_MEMBER_BYTES if extension in _PICTURE_EXTENSIONS and is_first else _MAX_TEXT_BYTES


def _sample_key(name: str) -> str:
    folder, slash, base = name.removeprefix("./").rpartition("/")
    return f"{folder}{slash}{base.partition('.')[0]}"


class _Header(tarfile.TarInfo):
    """A header. Where there should be one and is none, tarfile would end the tar without a word."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except (InvalidHeaderError, TruncatedHeaderError) as error:
            raise ReadError(f"{error} at byte {tarfile.offset}") from error


def _open_tar(opened: BinaryIO, uri: str) -> tarfile.TarFile:
    if is_compressed_tar(uri):
        return tarfile.open(fileobj=opened, mode="r|*", tarinfo=_Header)
    return tarfile.open(fileobj=opened, mode="r:", tarinfo=_Header)
