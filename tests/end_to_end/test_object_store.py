"""Catalog, pictures and output in an S3 server on loopback: the same rows as on a disk."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs
from moto.server import ThreadedMotoServer

from pipelines.cli import run
from storage.commit import last_commit
from storage.filesystems import _open
from storage.lock import OutputLock
from storage.store import open_store
from tests.end_to_end.conftest import RunJson, described


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3fs.S3FileSystem]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    _open.cache_clear()
    filesystem = s3fs.S3FileSystem()
    # The server's data outlives it within a process.
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
    filesystem.mkdir("catalogs")
    yield filesystem
    s3fs.S3FileSystem.clear_instance_cache()
    _open.cache_clear()
    server.stop()


def test_a_folder_in_a_bucket_gives_the_folder_s_captions(
    bucket: s3fs.S3FileSystem,
    pictures: Path,
    captions: Path,
    tmp_path: Path,
    run_json: RunJson,
) -> None:
    for path in pictures.iterdir():
        bucket.pipe_file(f"catalogs/pictures/{path.name}", path.read_bytes())
    manifest = run_json("caption", "s3://catalogs/pictures", "s3://catalogs/out")
    assert manifest["counts"]["rows_out"] == 40
    bucket.invalidate_cache()
    bucket.get("catalogs/out/captions", str(tmp_path / "out" / "captions"), recursive=True)
    assert described(tmp_path / "out") == described(captions)
    again = run_json("caption", "s3://catalogs/pictures", "s3://catalogs/out")
    assert again["counts"]["skipped"] == 40
    assert not bucket.find("catalogs/out/_staging")


def test_a_commit_number_is_given_once(bucket: s3fs.S3FileSystem) -> None:
    store = open_store("s3://catalogs/out")
    assert store.put_new("_commits/1", b"mine")
    assert store.put_new("_commits/1", b"mine")  # the reply to my own success was lost
    assert not store.put_new("_commits/1", b"another's")
    assert last_commit(open_store("s3://catalogs/elsewhere")) is None


def test_an_output_in_a_bucket_is_locked_while_it_is_written(
    bucket: s3fs.S3FileSystem, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OutputLock(open_store("s3://catalogs/out")):
        assert run(["caption", str(pictures), "s3://catalogs/out"]) == 1
    assert "being written by process" in capsys.readouterr().err
    holder = {"host": "elsewhere", "pid": 1, "boot": "other"}
    bucket.pipe_file("catalogs/out/_lock/holder.json", json.dumps(holder).encode())
    assert run(["caption", str(pictures), "s3://catalogs/out"]) == 1
