"""Making a user's paths mean the same on every worker."""

from pathlib import Path


def absolute_uri(uri: str) -> str:
    """Give a local path from the root on; leave other uris as they are."""
    if "://" in uri:
        return uri
    return str(Path(uri).expanduser().absolute())
