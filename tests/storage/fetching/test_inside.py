"""Fetching pictures that lie inside tars and Parquet files, by the uris that catalogs give them."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.failure import FailureKind
from storage.fetching.policy import FetchPolicy
from storage.filesystems import open_filesystem
from storage.inside import cell_uri, member_uri, place_inside
from tests.servers.object_stores import at_server, moto_s3
from tests.storage.catalog.conftest import read_all, splits_of
from tests.storage.catalog.test_webdataset import pictures, write
from tests.storage.fetching.conftest import MakeFetcher, error_of, kind_of

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
# PAX headers are long ones before the members'; a PNG stands behind a text.
MEMBERS = [*pictures(30), ("földer/last.txt", b"a text"), ("földer/last.png", b"png" * 300)]


def parquet(path: Path, groups: int = 7) -> Path:
    plain = pa.array([b"cell %d" % number for number in range(20)])
    named = pa.array([{"bytes": b"%d" % number, "path": f"{number}.png"} for number in range(20)])
    pq.write_table(
        pa.table({"id": [str(number) for number in range(20)], "photo": plain}),
        path,
        row_group_size=groups,
    )
    pq.write_table(pa.table({"image": named.cast(IMAGE)}), path.with_name(f"hf-{path.name}"))
    return path


def test_a_catalog_tells_where_each_picture_lies(tmp_path: Path, fetcher: MakeFetcher) -> None:
    write(tmp_path / "s.tar", MEMBERS)
    parquet(tmp_path / "p.parquet")
    rows = [
        row
        for name in ("s.tar", "p.parquet", "hf-p.parquet")
        for row in read_all(splits_of(tmp_path / name))
    ]
    assert len(rows) == 31 + 20 + 20
    fetching = fetcher()
    assert [fetching.fetch(row.asset.uri) for row in rows] == [row.data for row in rows]
    assert len({row.data for row in rows}) == len(rows)


def test_in_an_object_store_too(tmp_path: Path, fetcher: MakeFetcher) -> None:
    write(tmp_path / "s.tar", MEMBERS)
    parquet(tmp_path / "p.parquet")
    with moto_s3() as server, at_server(server):
        filesystem, path = open_filesystem(f"s3://{server.bucket}")
        for name in ("s.tar", "p.parquet"):
            filesystem.pipe_file(f"{path}/{name}", (tmp_path / name).read_bytes())
            rows = read_all(splits_of(f"s3://{server.bucket}/{name}"))
            fetching = fetcher()
            assert [fetching.fetch(row.asset.uri) for row in rows] == [row.data for row in rows]
        gone = cell_uri(f"s3://{server.bucket}/gone.parquet", "photo", 1)
        assert kind_of(fetcher(), gone) is FailureKind.NOT_FOUND
        gone = member_uri(f"s3://{server.bucket}/gone.tar", "a.png", 512, 3)
        assert kind_of(fetcher(), gone) is FailureKind.NOT_FOUND


def test_what_is_not_there_any_more(tmp_path: Path, fetcher: MakeFetcher) -> None:
    tar = write(tmp_path / "s.tar", pictures(3))
    cells = str(parquet(tmp_path / "p.parquet"))
    wrong = {
        member_uri(f"{tmp_path}/gone.tar", "a.png", 512, 3): FailureKind.NOT_FOUND,
        member_uri(str(tar), "a.png", 10**9, 3): FailureKind.TRUNCATED,
        member_uri(str(tar), "a.png", tar.stat().st_size - 2, 3): FailureKind.TRUNCATED,
        cell_uri(f"{tmp_path}/gone.parquet", "photo", 1): FailureKind.NOT_FOUND,
        cell_uri(cells, "photo", 20): FailureKind.INVALID_ROW,
        cell_uri(cells, "other", 2): FailureKind.INVALID_ROW,
        cell_uri(cells, "id", 2): FailureKind.INVALID_ROW,
    }
    for uri, kind in wrong.items():
        assert kind_of(fetcher(), uri) is kind, uri
    shutil.copy(tar, cells)
    assert kind_of(fetcher(), cell_uri(cells, "photo", 2)) is FailureKind.INVALID_ROW


def test_what_is_not_read(tmp_path: Path, fetcher: MakeFetcher) -> None:
    tar = str(write(tmp_path / "s.tar", [("a.png", b"x" * 2000), ("b.png", b"")]))
    large, empty = (row.asset.uri for row in read_all(splits_of(Path(tar))))
    assert kind_of(fetcher(), large) is FailureKind.TOO_LARGE
    assert fetcher(max_bytes=2000).fetch(large) == b"x" * 2000
    assert fetcher().fetch(empty) == b""
    remote = fetcher(allowed_schemes=FetchPolicy.for_catalog("s3://b/c").allowed_schemes)
    for uri in (large, cell_uri(f"{tmp_path}/p.parquet", "photo", 0)):
        assert "only a local catalog may name" in str(error_of(remote, uri))
    for uri in ("http://127.0.0.1/a.tar#a.png@512+3", "https://h.example/p.parquet#photo[1]"):
        assert "within a file on the web" in str(error_of(fetcher(), uri))
    stream = write(tmp_path / "s.tgz", pictures(1))
    (row,) = read_all(splits_of(stream))
    assert "within a compressed tar" in str(error_of(fetcher(), row.asset.uri))


@pytest.mark.parametrize("uri", ["a.tar", "a.tar#b@1+", "a.png#b@1+2", "p.parquet#3", "#b@1+2"])
def test_other_uris_name_whole_files(uri: str) -> None:
    assert place_inside(uri) is None
