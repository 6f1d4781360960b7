"""File systems by uri, with the settings that lost nothing when they were measured."""

import functools
import os
from typing import Any

import fsspec

from schemas.errors import UsageError

_EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcp",
    "gcs": "gcp",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
}
SCHEMES = ("file", *_EXTRAS, "http", "https", "hf", "memory")


def open_filesystem(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Open the file system of a uri; give the path inside it.

    Endpoints and credentials come from each client's usual environment variables.

    Raises:
        UsageError: the scheme is unknown, or its client is not installed.

    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return _open("file"), uri
    if scheme not in SCHEMES:
        raise UsageError(f"Cannot read {scheme}://. Known are {', '.join(SCHEMES[:-1])}.")
    filesystem = _open(scheme)
    if scheme == "file":
        return filesystem, "/" + rest.lstrip("/")
    return filesystem, uri if scheme.startswith("http") else rest


@functools.cache
def _open(scheme: str) -> Any:
    options: dict[str, object] = {}
    if scheme in {"s3", "s3a"}:
        # Botocore's adaptive mode is ten times slower under faults, and three attempts lose rows.
        options = {"config_kwargs": {"retries": {"mode": "standard", "max_attempts": 10}}}
    if scheme in {"gs", "gcs"}:
        # Else gcsfs asks for 40 seconds whether the bucket has folders.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    try:
        return fsspec.filesystem(scheme, **options)
    except ImportError as error:
        extra = _EXTRAS.get(scheme, scheme)
        raise UsageError(
            f"{scheme}:// needs an extra that is not installed: pip install 'calumma[{extra}]'."
        ) from error
