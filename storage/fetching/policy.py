"""What a catalog may make a worker read."""

from dataclasses import dataclass
from urllib.parse import urljoin

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.redacting import redact

_REMOTE = ("s3", "gs", "az", "http", "https", "hf")
_ALIASES = {"s3a": "s3", "gcs": "gs", "abfs": "az", "abfss": "az"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """Which uris may be read, and at what cost.

    Attributes:
        allowed_schemes: ``file`` among them only for a catalog that is itself local. Their other
            names (``s3a``, ``gcs``, ``abfs``, ``abfss``) go with them.
        allow_private_addresses: whether http(s) may go to this machine and to private networks.
        max_bytes: size of a picture.
        max_seconds: time of one attempt, redirects and the whole body included.
        attempts: attempts at what may pass; two where the server cannot even be reached.

    """

    allowed_schemes: tuple[str, ...]
    allow_private_addresses: bool = False
    max_bytes: int = 64 << 20
    max_seconds: float = 30.0
    attempts: int = 5

    @classmethod
    def for_catalog(
        cls,
        catalog: str,
        *,
        allow_private_addresses: bool = False,
        max_bytes: int = 64 << 20,
        max_seconds: float = 30.0,
    ) -> "FetchPolicy":
        """The policy for the pictures of a catalog."""
        scheme = scheme_of(catalog)
        return cls(
            allowed_schemes=("file", *_REMOTE) if scheme == "file" else _REMOTE,
            allow_private_addresses=allow_private_addresses,
            max_bytes=max_bytes,
            max_seconds=max_seconds,
        )

    def check(self, uri: str) -> None:
        """Refuse a uri of a scheme that is not allowed.

        Raises:
            RowError: policy, or invalid_row for a uri with a zero byte.

        """
        if "\0" in uri:
            # Some object stores never answer to such a name.
            raise RowError(
                FailureKind.INVALID_ROW,
                f"{redact(uri)!r} has a zero byte. Correct the catalog, then run with "
                "--only-failed.",
            )
        scheme = scheme_of(uri)
        if _ALIASES.get(scheme, scheme) in self.allowed_schemes:
            return
        if scheme == "file":
            raise RowError(
                FailureKind.POLICY,
                f"{redact(uri)} is a local file, which only a local catalog may name. Copy the "
                "catalog to this machine, or the picture to where the catalog lies, then run with "
                "--only-failed.",
            )
        raise RowError(
            FailureKind.POLICY,
            f"{redact(uri)} has a scheme that is not read. Copy the picture to one of "
            f"{', '.join(self.allowed_schemes)}, then run with --only-failed.",
        )

    def too_large(self, uri: str) -> RowError:
        """What a picture of more than ``max_bytes`` fails as."""
        return RowError(
            FailureKind.TOO_LARGE,
            f"{redact(uri)} has more than {self.max_bytes:,} bytes. If it is meant to, raise "
            "--max-picture-bytes, then run with --only-failed.",
        )


def scheme_of(uri: str) -> str:
    """The scheme of a uri in lower case; ``file`` for a plain path."""
    head, separator, _ = uri.partition(":")
    if not separator or "/" in head or len(head) < 2 or not head[0].isalpha():
        return "file"
    return head.lower()


def resolve_uri(uri: str, folder: str) -> str:
    """Resolve a uri against the folder of the catalog that names it."""
    if scheme_of(uri) != "file" or uri.startswith(("/", "file:")):
        return uri
    if folder.startswith(("http://", "https://")):
        return urljoin(f"{folder}/", uri)
    return f"{folder}/{uri}" if folder else uri
