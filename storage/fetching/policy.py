"""What a catalog may make a worker read."""

from dataclasses import dataclass
from urllib.parse import urljoin

from schemas.errors import RowError
from schemas.failure import FailureKind
from storage.fetching.redacting import redact

_REMOTE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "http", "https", "hf", "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """Which uris may be read, and at what cost.

    Attributes:
        allowed_schemes: ``file`` among them only for a catalog that is itself local.
        allow_private_addresses: whether http(s) may go to addresses that are not of the public
            internet.
        max_bytes: size of a picture.
        max_seconds: time of one attempt, redirects and the whole body included.
        attempts: attempts at what may pass.

    """

    allowed_schemes: tuple[str, ...]
    allow_private_addresses: bool = False
    max_bytes: int = 64 << 20
    max_seconds: float = 30.0
    attempts: int = 5

    @classmethod
    def for_catalog(
        cls, catalog: str, *, allow_private_addresses: bool = False, max_bytes: int = 64 << 20
    ) -> "FetchPolicy":
        """The policy for the pictures of a catalog."""
        scheme = scheme_of(catalog)
        return cls(
            allowed_schemes=("file", *_REMOTE) if scheme == "file" else _REMOTE,
            allow_private_addresses=allow_private_addresses,
            max_bytes=max_bytes,
        )

    def check(self, uri: str) -> None:
        """Refuse a uri of a scheme that is not allowed.

        Raises:
            RowError: policy, or invalid_row for a uri with a zero byte.

        """
        if "\0" in uri:
            # Some object stores never answer to such a name.
            raise RowError(FailureKind.INVALID_ROW, f"{redact(uri)!r} has a zero byte.")
        scheme = scheme_of(uri)
        if scheme in self.allowed_schemes:
            return
        if scheme == "file":
            raise RowError(
                FailureKind.POLICY,
                f"{redact(uri)} is a local file, which only a local catalog may name.",
            )
        raise RowError(
            FailureKind.POLICY,
            f"{redact(uri)} has a scheme that is not read. Use one of "
            f"{', '.join(self.allowed_schemes)}.",
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
