"""Object store servers on loopback, each for as long as its context lasts.

``with moto_s3() as server, at_server(server): ...`` reads and writes ``s3://{server.bucket}/``.
"""

import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import fsspec
from moto.server import ThreadedMotoServer

from storage import filesystems

_GO_BINARIES = Path.home() / "go" / "bin"
VERSITYGW = _GO_BINARIES / "versitygw"
FAKE_GCS = _GO_BINARIES / "fake-gcs-server"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreServer:
    """A running server.

    Attributes:
        url: where it listens.
        bucket: the name of an empty bucket.
        endpoint_variable: the environment variable by which clients find a server.
        credentials: the other environment variables that clients need.

    """

    url: str
    bucket: str
    endpoint_variable: str
    credentials: Mapping[str, str]


@contextlib.contextmanager
def at_server(server: StoreServer, url: str | None = None) -> Iterator[None]:
    """Let this process's clients, and those of processes it starts, use a server.

    Args:
        server: the server.
        url: where to reach it instead, such as a proxy's.

    """
    variables = {**server.credentials, server.endpoint_variable: url or server.url}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    _forget_clients()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        _forget_clients()


@contextlib.contextmanager
def moto_s3(bucket: str = "pictures") -> Iterator[StoreServer]:
    """Moto's S3, in threads of this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    requests_log = logging.getLogger("werkzeug")
    level = requests_log.level
    requests_log.setLevel(logging.ERROR)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        # The server's data outlives it within a process.
        _request("POST", f"{url}/moto-api/reset")
        _request("PUT", f"{url}/{bucket}")
        yield _s3(url, bucket)
    finally:
        server.stop()
        requests_log.setLevel(level)


@contextlib.contextmanager
def versitygw_s3(folder: Path, bucket: str = "pictures") -> Iterator[StoreServer]:
    """Versity's gateway, which keeps objects as files below a folder."""
    (folder / bucket).mkdir(parents=True)
    port = _free_port()
    server = _s3(f"http://127.0.0.1:{port}", bucket)
    command = [str(VERSITYGW), "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(folder)]
    secrets = {
        "ROOT_ACCESS_KEY": server.credentials["AWS_ACCESS_KEY_ID"],
        "ROOT_SECRET_KEY": server.credentials["AWS_SECRET_ACCESS_KEY"],
    }
    with _process(command, port, secrets):
        yield server


@contextlib.contextmanager
def fake_gcs(bucket: str = "pictures", *, url: str | None = None) -> Iterator[StoreServer]:
    """A Google Cloud Storage in memory.

    Args:
        bucket: name of the bucket to make.
        url: where clients reach it if not at its own address; uploads are sent there.

    """
    port = _free_port()
    own = f"http://127.0.0.1:{port}"
    address = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
    public = ["-public-host", f"127.0.0.1:{port}", "-external-url", url or own]
    command = [str(FAKE_GCS), *address, *public, "-backend", "memory", "-log-level", "error"]
    with _process(command, port, {}):
        _request("POST", f"{own}/storage/v1/b?project=test", json.dumps({"name": bucket}).encode())
        yield StoreServer(
            url=own,
            bucket=bucket,
            endpoint_variable="STORAGE_EMULATOR_HOST",
            credentials={
                "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
                "GOOGLE_CLOUD_PROJECT": "test",
            },
        )


def _s3(url: str, bucket: str) -> StoreServer:
    return StoreServer(
        url=url,
        bucket=bucket,
        endpoint_variable="AWS_ENDPOINT_URL",
        credentials={
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
    )


def _forget_clients() -> None:
    filesystems._open.cache_clear()
    # None is imported for it: by what the environment says then, gcsfs asks for 40 seconds what
    # kind of bucket it has before it.
    for client, scheme in (("s3fs", "s3"), ("gcsfs", "gs")):
        if client in sys.modules:
            fsspec.get_filesystem_class(scheme).clear_instance_cache()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def _process(command: list[str], port: int, variables: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _wait_for(process, port)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a server accepts connections, of which it gives no other sign."""
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen on {port}")


def _request(method: str, url: str, data: bytes = b"") -> None:
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request, timeout=20).close()
