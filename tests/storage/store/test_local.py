"""What an output on a local disk does beyond the contract of all stores."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import RunError, UsageError
from storage.store import open_store
from storage.store.local import LocalStore
from tests.storage.store.contract import StoreContract


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path)

    @pytest.fixture
    def second(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_outputs_are_opened_by_path_and_by_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for uri in ("out", f"{tmp_path}/out", f"file://{tmp_path}/out"):
        assert open_store(uri).uri == f"{tmp_path}/out"
    with pytest.raises(UsageError, match="Cannot write to https://"):
        open_store("https://host/out")


def test_nothing_temporary_is_left_or_listed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", b"1")
    assert store.put_new("a/c", b"2")
    assert not store.put_new("a/c", b"3")
    store.move("a/b", "d/b")
    assert files(tmp_path) == ["a/c", "d/b"]
    (tmp_path / "a" / "c.0123.tmp").write_bytes(b"of a writer that died")
    assert [entry.path for entry in store.entries("a")] == ["a/c"]


@pytest.mark.parametrize("operation", ["put", "put_new", "put_file"])
def test_a_folder_removed_while_it_is_written_to_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    store = LocalStore(tmp_path / "out")
    source = tmp_path / "source"
    source.write_bytes(b"1")
    removals = iter(range(3))

    def remove(_: int) -> None:
        if next(removals, None) is not None:
            store.delete_folder("a")

    monkeypatch.setattr(os, "fsync", remove)
    getattr(store, operation)("a/b/c", source if operation == "put_file" else b"1")
    assert next(removals, None) is None
    assert store.get("a/b/c") == b"1"


_FULL = """
import resource, signal, sys
from pathlib import Path
from storage.store.local import LocalStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
store = LocalStore(Path(sys.argv[1]))
for operation in (store.put, store.put_new):
    for path in ("new", "old"):
        try:
            operation(path, b"x" * 5000)
        except OSError:
            continue
        raise SystemExit(f"{operation} of {path} did not fail")
"""


def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    """A limit on the size of files stands for it: half of the content fits."""
    LocalStore(tmp_path).put("old", b"before")
    done = subprocess.run(
        # Else half of a module's bytecode would be kept, and fail ever after.
        [sys.executable, "-B", "-c", _FULL, str(tmp_path)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert files(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"before"


def test_a_disk_without_hard_links_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    store = LocalStore(tmp_path)
    with pytest.raises(RunError, match="has no hard links"):
        store.put_new("a", b"1")
    assert files(tmp_path) == []


def test_a_rename_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a" / "folder").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        LocalStore(tmp_path).put("a", b"1")
    assert files(tmp_path) == []


def test_links_to_folders_are_not_walked(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", b"1")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "gone").symlink_to("nowhere")
    assert [entry.path for entry in store.entries("") if entry.path == "a/b"] == ["a/b"]
    assert not any("loop/" in entry.path for entry in store.entries(""))


def test_names_that_are_folders_are_no_objects(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", b"1")
    assert not store.exists("a")
    store.delete_folder("absent")
    assert list(store.entries("a/b")) == []
