"""Files wanted on a local disk: where they lie, or fetched once a machine."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from storage.shared_files import local_copy
from storage.store import open_store
from storage.store.local import LocalStore
from tests.servers.object_stores import at_server, moto_s3


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_local_file_is_taken_where_it_lies(tmp_path: Path, temporary: Path) -> None:
    store = LocalStore(tmp_path / "out")
    store.put("a/b", b"content")
    assert local_copy(store, "a/b") == tmp_path / "out" / "a" / "b"
    assert list(temporary.iterdir()) == []


def test_an_object_is_fetched_once_and_by_name(temporary: Path) -> None:
    with moto_s3() as server, at_server(server):
        store = open_store(f"s3://{server.bucket}/out")
        other = open_store(f"s3://{server.bucket}/other")
        store.put("keys", b"content")
        other.put("keys", b"another's")
        copy = local_copy(store, "keys")
        assert copy.read_bytes() == b"content"
        assert local_copy(other, "keys").read_bytes() == b"another's"
        store.delete("keys")
        assert local_copy(store, "keys") == copy
        with pytest.raises(FileNotFoundError):
            local_copy(store, "absent")
    (cache,) = temporary.iterdir()
    assert cache.stat().st_mode & 0o777 == 0o700
    assert sorted(file.stat().st_size for file in cache.iterdir()) == [7, 9]


def test_what_was_not_used_for_days_goes_when_another_is_fetched(temporary: Path) -> None:
    store = open_store("memory://old-files")
    for name in ("old", "young", "another"):
        store.put(name, name.encode())
    old, young = (local_copy(store, name) for name in ("old", "young"))
    folder = old.parent / "lookup"
    folder.mkdir()
    (folder / "part").write_bytes(b"content")
    days_ago = time.time() - 4 * 86_400
    for copy in (old, folder):
        os.utime(copy, (days_ago, days_ago))
    assert local_copy(store, "young") == young
    assert old.exists()
    another = local_copy(store, "another")
    assert set(temporary.glob("*/*")) == {young, another}
    assert local_copy(store, "old").read_bytes() == b"old"


def test_a_folder_of_somebody_else_is_not_trusted(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = temporary / f"calumma-{os.getuid()}"
    folder.mkdir()
    other = os.getuid() + 1
    folder.rename(temporary / f"calumma-{other}")
    monkeypatch.setattr(os, "getuid", lambda: other)
    store = open_store("memory://shared-files")
    store.put("keys", b"content")
    with pytest.raises(PermissionError, match=r"belongs to somebody else\. Set TMPDIR"):
        local_copy(store, "keys")
