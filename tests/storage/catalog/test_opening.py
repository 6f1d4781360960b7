"""Opening catalog files: what is decompressed, and what identifies their content."""

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.catalog.opening import (
    content_identity,
    describe_file,
    file_name,
    is_compressed,
    local_path,
    open_file,
)
from storage.filesystems import open_filesystem
from tests.servers.object_stores import at_server, moto_s3
from tests.servers.web import reply, web_server


def test_a_file_s_name_without_folder_and_query() -> None:
    assert file_name("/data/a.tsv/C.CSV.GZ") == "c.csv.gz"
    assert file_name("https://host/a/b.csv.gz?part=c/d.tsv") == "b.csv.gz"
    assert file_name("/data/what?.csv") == "what?.csv"
    assert file_name("a.csv") == "a.csv"


def test_compression_is_told_by_the_name() -> None:
    for name in ("a.csv.gz", "a.JSONL.BZ2", "a.tgz", "a.tar.xz", "https://h/a.csv.gz?token=1"):
        assert is_compressed(name)
    for name in ("a.csv", "a.tar", "a.gz.csv", "https://h/a.csv?x=b.gz"):
        assert not is_compressed(name)


def test_a_file_is_decompressed_if_its_name_says_so(tmp_path: Path) -> None:
    packed = gzip.compress(b"content")
    for name, expected in [("a.csv.gz", b"content"), ("a.csv", packed), ("a.tgz", packed)]:
        (tmp_path / name).write_bytes(packed)
        with open_file(f"{tmp_path}/{name}") as file:
            assert file.read() == expected
        with open_file(f"file://{tmp_path}/{name}") as file:
            assert file.read() == expected


def test_a_file_of_a_web_server_is_read_from_where_it_is_asked() -> None:
    with web_server() as web:
        web.answers["/a.csv.gz?token=1"] = reply(200, gzip.compress(b"content"))
        with open_file(f"{web.url}/a.csv.gz?token=1") as file:
            assert file.read() == b"content"


def test_a_local_path_is_told_from_others() -> None:
    assert local_path("/a/b.csv") == "/a/b.csv"
    assert local_path("file:///a/b.csv") == "/a/b.csv"
    assert local_path("memory://a/b.csv") is None


def test_a_local_file_s_identity_changes_with_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    first = describe_file(str(path))
    assert first == describe_file(str(path))
    path.write_bytes(b"four")
    os.utime(path, ns=(10**18, 10**18))
    assert describe_file(str(path)).identity != first.identity
    path.write_bytes(b"two")
    os.utime(path, ns=(10**18, 10**18 + 10**6))
    assert describe_file(str(path)).identity != first.identity
    with pytest.raises(FileNotFoundError):
        describe_file(str(tmp_path / "none.csv"))


@pytest.mark.parametrize(
    ("info", "identity"),
    [
        ({"ETag": '"abc"', "size": 1}, "abc"),
        ({"etag": "abc", "updated": "2026"}, "abc"),
        ({"md5Hash": "abc=="}, "abc=="),
        ({"blob_id": "abc", "size": 1}, "abc"),
        ({"ETag": "", "size": 1, "LastModified": datetime(2026, 1, 31, tzinfo=UTC)},
         "1-2026-01-31 00:00:00+00:00"),
        ({"size": 1, "mtime": 2.5}, "1-2.5"),
        ({"size": None}, "None-"),
    ],
)  # fmt: skip
def test_the_identity_is_the_etag_else_size_and_time(info: dict[str, Any], identity: str) -> None:
    assert content_identity(info) == identity


def test_an_object_s_identity_is_its_etag_and_it_is_read_line_by_line() -> None:
    with moto_s3() as server, at_server(server):
        uri = f"s3://{server.bucket}/a.csv"
        filesystem, path = open_filesystem(uri)
        filesystem.pipe_file(path, b"id,uri\n" * 3)
        first = describe_file(uri)
        assert len(first.identity) == 32
        with open_file(uri) as file:
            file.seek(7)
            assert file.tell() == 7
            assert list(file) == [b"id,uri\n"] * 2
        filesystem.pipe_file(f"{path}.gz", gzip.compress(b"packed"))
        with open_file(f"{uri}.gz") as file:
            assert file.read() == b"packed"
        filesystem.ls(server.bucket)
        # By another client, as a second machine would.
        type(filesystem)(skip_instance_cache=True).pipe_file(path, b"changed")
        assert describe_file(uri).identity != first.identity
