"""One client a process for each scheme, with the options that are asked for."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.errors import UsageError
from storage.filesystems import open_filesystem
from tests.servers.object_stores import at_server, moto_s3


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/data/a.csv", "/data/a.csv"),
        ("a.csv", "a.csv"),
        ("file:///data/a.csv", "/data/a.csv"),
        ("s3://bucket/a.csv", "bucket/a.csv"),
        ("S3://bucket/a.csv", "bucket/a.csv"),
        ("https://host/a.csv?b=c", "https://host/a.csv?b=c"),
    ],
)
def test_paths(uri: str, path: str) -> None:
    assert open_filesystem(uri)[1] == path


def test_unknown_schemes_are_told() -> None:
    with pytest.raises(UsageError, match="Cannot read ftp://"):
        open_filesystem("ftp://host/x")


def test_options_that_a_client_refuses_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_CONNECTION_STRING"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match=r"az:// cannot be opened"):
        open_filesystem("az://container/x")


def test_a_missing_client_is_told(tmp_path: Path) -> None:
    """A module of its name that cannot be imported stands for one that is not installed."""
    for module, scheme in (("s3fs", "s3"), ("gcsfs", "gs"), ("adlfs", "abfs")):
        (tmp_path / f"{module}.py").write_text(f"raise ImportError('no {module}')")
        script = (
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
            "from schemas.errors import UsageError\n"
            "from storage.filesystems import open_filesystem\n"
            f"try: open_filesystem('{scheme}://b/x')\n"
            "except UsageError as error: print(error)\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
        assert f"{scheme}:// needs its client: pip install {module}." in done.stdout.decode()


def test_threads_share_a_client_and_options_have_their_own() -> None:
    with moto_s3() as server, at_server(server):
        first = open_filesystem("s3://b/x")[0]
        with ThreadPoolExecutor(4) as threads:
            opened = list(threads.map(lambda _: open_filesystem("s3://b/y")[0], range(8)))
        assert all(filesystem is first for filesystem in opened)
        other = open_filesystem("s3://b/x", storage_options={"anon": True})[0]
        assert other is not first
        assert other.anon


def test_our_settings_of_the_client_and_the_user_s_are_both_kept() -> None:
    with moto_s3() as server, at_server(server):
        options = {"config_kwargs": {"connect_timeout": 7}}
        filesystem = open_filesystem("s3://b/x", storage_options=options)[0]
        config = filesystem.connect().meta.config
    assert config.connect_timeout == 7
    assert config.retries["mode"] == "standard"
    assert config.retries["total_max_attempts"] == 11
    assert config.max_pool_connections == 64


_FORKING = """
import os
from schemas.errors import RowError
from storage.fetching.fetch import Fetcher
from storage.fetching.policy import FetchPolicy
fetcher = Fetcher(FetchPolicy(allowed_schemes=("s3", "http"), allow_private_addresses=True))
uris = ["s3://pictures/p", os.environ["AWS_ENDPOINT_URL"] + "/pictures/p"]
before = [fetcher.fetch(uri) for uri in uris]
child = os.fork()
again = [fetcher.fetch(uri) for uri in uris]
if child == 0:
    os._exit(0 if again == before else 3)
assert before == again == [b"picture"] * 2
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_a_forked_process_gets_its_own_connections() -> None:
    with moto_s3() as server, at_server(server):
        # Public, for the web client signs nothing.
        s3 = open_filesystem("s3://b/x")[0]
        s3.pipe_file("pictures/p", b"picture", ACL="public-read")
        done = subprocess.run(
            [sys.executable, "-c", _FORKING], capture_output=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr.decode()
