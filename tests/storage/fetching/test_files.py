"""Local files, and what only looks like one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.failure import FailureKind
from tests.storage.fetching.conftest import MakeFetcher, error_of, kind_of


def test_files_are_read(fetcher: MakeFetcher, tmp_path: Path) -> None:
    for name in ("a b#c?d.png", "100%25.png", "é.png"):
        (tmp_path / name).write_bytes(name.encode())
        assert fetcher().fetch(str(tmp_path / name)) == name.encode()
    (tmp_path / "empty").touch()
    assert fetcher().fetch(f"file://{tmp_path}/empty") == b""


def test_what_is_no_file_is_refused_and_does_not_hang(fetcher: MakeFetcher, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    fetch = fetcher()
    assert kind_of(fetch, str(tmp_path / "pipe")) is FailureKind.POLICY
    assert kind_of(fetch, str(tmp_path / "link")) is FailureKind.POLICY
    assert kind_of(fetch, "/dev/zero") is FailureKind.POLICY
    assert kind_of(fetch, str(tmp_path)) is FailureKind.POLICY
    assert kind_of(fetch, str(tmp_path / "loop")) is FailureKind.STORAGE_ERROR


def test_what_is_not_there(fetcher: MakeFetcher, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert kind_of(fetcher(), str(tmp_path / "absent")) is FailureKind.NOT_FOUND
    assert kind_of(fetcher(), str(tmp_path / "file" / "below")) is FailureKind.NOT_FOUND
    assert kind_of(fetcher(), "") is FailureKind.NOT_FOUND
    assert kind_of(fetcher(), str(tmp_path / ("a" * 300))) is FailureKind.STORAGE_ERROR
    assert kind_of(fetcher(), "\ud800") is FailureKind.INVALID_ROW


def test_a_file_above_the_limit_is_too_large(fetcher: MakeFetcher, tmp_path: Path) -> None:
    (tmp_path / "at").write_bytes(b"x" * 1000)
    (tmp_path / "above").write_bytes(b"x" * 1001)
    assert len(fetcher().fetch(str(tmp_path / "at"))) == 1000
    assert kind_of(fetcher(), str(tmp_path / "above")) is FailureKind.TOO_LARGE


@pytest.fixture
def not_root() -> Iterator[None]:
    """Root may read any file, so it becomes somebody else for a while."""
    user = os.geteuid()
    if user == 0:
        try:
            os.seteuid(65534)
        except PermissionError:
            pytest.skip("root that may not become another user")
    yield
    os.seteuid(user)


def test_a_file_that_may_not_be_read_is_forbidden(
    fetcher: MakeFetcher, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "secret").touch(mode=0)
    fetch = fetcher()
    request.getfixturevalue("not_root")
    error = error_of(fetch, str(tmp_path / "secret"))
    assert error.kind is FailureKind.FORBIDDEN
    assert "permissions" in error.message


def test_a_local_file_is_not_read_twice(fetcher: MakeFetcher, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(b"picture")
    assert fetcher().refetch(str(tmp_path / "p"), b"pict") is None


def test_what_is_no_file_says_what_it_is(fetcher: MakeFetcher, tmp_path: Path) -> None:
    said = error_of(fetcher(), str(tmp_path)).message
    assert said.startswith(f"{tmp_path} is a folder, not a file. Name a file in the catalog")
