"""Catalog, pictures and output in object stores on loopback: the same rows as on a disk."""

import contextlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.cli import run
from storage.commit_record import last_commit
from storage.filesystems import open_filesystem
from storage.index_store import open_record
from storage.lock import OutputLock
from storage.store import open_store
from tests.end_to_end.conftest import RunJson, described, write_parquet
from tests.servers.fault_proxy import Mode, fault_proxy
from tests.servers.object_stores import FAKE_GCS, at_server, fake_gcs, moto_s3


@pytest.fixture
def bucket() -> Iterator[fsspec.AbstractFileSystem]:
    with moto_s3("catalogs") as server, at_server(server):
        yield open_filesystem("s3://catalogs")[0]


@contextlib.contextmanager
def failing(scheme: str) -> Iterator[fsspec.AbstractFileSystem]:
    """A store of which every fifth request fails, in every way that requests fail."""
    modes: tuple[Mode, ...] = get_args(Mode)
    if scheme == "s3":
        with moto_s3("catalogs") as server:
            with at_server(server):
                filesystem = open_filesystem("s3://catalogs")[0]
            with fault_proxy(server.url, *modes) as proxy, at_server(server, proxy.url):
                yield filesystem
                assert set(proxy.faults) == set(modes)
        return
    # The server tells clients where to upload, so it has to know the proxy.
    with (
        fault_proxy("http://127.0.0.1:1", *modes) as proxy,
        fake_gcs("catalogs", url=proxy.url) as server,
    ):
        proxy.pass_on_to(server.url)
        with at_server(server):
            filesystem = open_filesystem("gs://catalogs")[0]
        with at_server(server, proxy.url):
            yield filesystem
            assert set(proxy.faults) == set(modes)


def fetched(filesystem: fsspec.AbstractFileSystem, path: str, folder: Path) -> Path:
    """An output's captions, copied to a folder by their client alone."""
    filesystem.invalidate_cache()
    for name in filesystem.find(f"{path}/captions"):
        target = folder / name.removeprefix(f"{path}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(filesystem.cat_file(name))
    return folder


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_store_that_fails_every_fifth_request_gives_the_folder_s_captions(
    scheme: str, pictures: Path, captions: Path, tmp_path: Path, run_json: RunJson
) -> None:
    if scheme == "gs" and not FAKE_GCS.exists():
        pytest.skip("needs fake-gcs-server")
    with failing(scheme) as filesystem:
        for path in pictures.iterdir():
            filesystem.pipe_file(f"catalogs/pictures/{path.name}", path.read_bytes())
        manifest = run_json("caption", f"{scheme}://catalogs/pictures", f"{scheme}://catalogs/out")
        assert manifest["counts"]["rows_out"] == 40
        again = run_json("caption", f"{scheme}://catalogs/pictures", f"{scheme}://catalogs/out")
        assert again["counts"]["skipped"] == 40
        out = fetched(filesystem, "catalogs/out", tmp_path / "out")
        assert described(out) == described(captions)
        assert not filesystem.find("catalogs/out/_staging")
        commits = sorted(filesystem.find("catalogs/out/_commits"))
        assert [name.rpartition("/")[2] for name in commits] == ["00000001.json", "00000002.json"]


def test_pictures_inside_a_bucket_s_catalogs_give_the_folder_s_captions(
    pictures: Path, captions: Path, tmp_path: Path, run_json: RunJson
) -> None:
    names = sorted(path.name for path in pictures.iterdir())
    data = [(pictures / name).read_bytes() for name in names]
    columns = {"id": names, "image": pa.array(data, pa.binary())}
    parquet = write_parquet(tmp_path / "bytes.parquet", columns).read_bytes()
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for name in names:
            archive.add(pictures / name, name)
    with failing("s3") as filesystem:
        filesystem.pipe_file("catalogs/bytes.parquet", parquet)
        filesystem.pipe_file("catalogs/shard.tar", (tmp_path / "shard.tar").read_bytes())
        for catalog, suffix in (("bytes.parquet", ""), ("shard.tar", ".png")):
            out = f"catalogs/out-{catalog}"
            run_json("caption", f"s3://catalogs/{catalog}", f"s3://{out}")
            rows = described(fetched(filesystem, out, tmp_path / f"out-{catalog}"))
            assert [(f"{name}{suffix}", *rest) for name, *rest in rows] == described(captions)


def test_a_commit_number_is_given_once(bucket: fsspec.AbstractFileSystem) -> None:
    store = open_store("s3://catalogs/out")
    assert store.put_new("_commits/1", b"mine")
    assert store.put_new("_commits/1", b"mine")  # the reply to my own success was lost
    assert not store.put_new("_commits/1", b"another's")
    assert last_commit(open_store("s3://catalogs/elsewhere")) is None


def test_an_output_in_a_bucket_is_locked_while_it_is_written(
    bucket: fsspec.AbstractFileSystem, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OutputLock(open_store("s3://catalogs/out")):
        assert run(["caption", str(pictures), "s3://catalogs/out"]) == 1
    assert "being written by process" in capsys.readouterr().err
    holder = {"host": "elsewhere", "pid": 1, "boot": "other"}
    bucket.pipe_file("catalogs/out/_lock/holder.json", json.dumps(holder).encode())
    assert run(["caption", str(pictures), "s3://catalogs/out"]) == 1


def test_ids_are_removed_from_an_index_there_by_a_list_there(
    bucket: fsspec.AbstractFileSystem, tmp_path: Path
) -> None:
    texts = pa.table({"id": ["a", "b", "c"], "text": ["a red circle", "a circle", "a square"]})
    pq.write_table(texts, tmp_path / "texts.parquet")
    out, index = "s3://catalogs/vectors", "s3://catalogs/index"
    assert run(["embed", str(tmp_path / "texts.parquet"), out, "--of", "text", "--json"]) == 0
    assert run(["index", out, index, "--json"]) == 0
    bucket.pipe_file("catalogs/gone.txt", b"b\nnever-there\n")
    records = []
    for _ in range(2):
        assert run(["index", out, index, "--remove", "s3://catalogs/gone.txt", "--json"]) == 0
        records.append(open_record(open_store(index)))
    assert records[0] == records[1]
    assert (records[0].number, records[0].removed_ids) == (2, 1)
    assert records[0].version.card is not None
    assert records[0].version.card.count == 2
