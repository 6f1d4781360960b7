"""File systems by uri, with the settings that lost nothing when they were measured."""

import functools
import json
import logging
import os
from collections.abc import Mapping
from typing import Any

import fsspec

from schemas.errors import UsageError

_CLIENTS = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}
SCHEMES = ("file", *_CLIENTS, "http", "https", "hf", "memory")

_S3_CLIENT = {
    # Botocore's adaptive mode is ten times slower under faults, and three attempts lose rows.
    "retries": {"mode": "standard", "max_attempts": 10},
    # Its default of 10 would make the threads that fetch pictures wait for each other.
    "max_pool_connections": 64,
}


def open_filesystem(
    uri: str, *, storage_options: Mapping[str, object] | None = None
) -> tuple[fsspec.AbstractFileSystem, str]:
    """Open the file system of a uri; give the path inside it.

    Endpoints and credentials come from each client's usual environment variables, and from
    ``storage_options``. The same one is given to all threads of a process; a forked process gets
    its own.

    Args:
        storage_options: keyword arguments of the scheme's fsspec client; values as JSON has them.

    Raises:
        UsageError: the scheme is unknown, its client is not installed, or it refuses its options.

    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return _open("file", "{}", os.getpid()), uri
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        raise UsageError(f"Cannot read {scheme}://. Known are {', '.join(SCHEMES[:-1])}.")
    options = json.dumps(dict(storage_options or {}), sort_keys=True)
    filesystem = _open(scheme, options, os.getpid())
    if scheme == "file":
        return filesystem, "/" + rest.lstrip("/")
    return filesystem, uri if scheme.startswith("http") else rest


# Not fsspec's own cache, which gives each thread its own client and so its own connections. The
# process id is a key because a client's event loop does not survive a fork.
@functools.cache
def _open(scheme: str, options_json: str, _process_id: int) -> Any:
    options = json.loads(options_json)
    if scheme in {"s3", "s3a"}:
        options["config_kwargs"] = _S3_CLIENT | options.get("config_kwargs", {})
    if scheme in {"gs", "gcs"}:
        # Else gcsfs asks for 40 seconds whether the bucket has folders.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        # It logs with a traceback what it also raises, each empty object among it.
        logging.getLogger("gcsfs").addFilter(lambda record: record.levelno < logging.ERROR)
    try:
        return fsspec.filesystem(scheme, **options)
    except ImportError as error:
        raise UsageError(
            f"{scheme}:// needs its client: pip install {_CLIENTS.get(scheme, scheme)}."
        ) from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{scheme}:// cannot be opened: {error}") from error
