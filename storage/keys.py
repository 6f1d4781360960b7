"""Row keys: which row of which content, done how.

A key is 16 bytes: two 64-bit words. The first word and a second word come from a 128-bit BLAKE2b
hash of the row's identity (asset id, and question id where there is one); the second word is then
combined (exclusive or) with a 64-bit hash of the content version and the job's fingerprint. So all
versions of one row are neighbours in a sorted file, and two keys are equal only if identity,
content version and fingerprint are.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowKeys:
    """Keys of a batch of rows.

    Attributes:
        identity: uint64 array of shape (rows, 2): 128-bit hash of the rows' identities.
        second: uint64 array of shape (rows,): the keys' second words; the first are
            ``identity[:, 0]``.

    """

    identity: Words
    second: Words

    def hex(self, index: int) -> str:
        """One row's key as 32 hexadecimal digits."""
        return f"{int(self.identity[index, 0]):016x}{int(self.second[index]):016x}"

    def seed(self, index: int) -> int:
        """A sampling seed of 63 bits from one row's key."""
        return int(self.identity[index, 0] ^ self.second[index]) >> 1


def fingerprint(settings: Mapping[str, object]) -> bytes:
    """Hash what determines a job's output apart from its rows: model, prompt, decoding, schema.

    Args:
        settings: JSON-serialisable; the order of its keys does not matter.

    Returns:
        16 bytes.

    """
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def question_identity(asset_id: str, question_id: str) -> str:
    """The identity of a row that asks a question of an asset."""
    return f"{asset_id}\x00{question_id}"


def row_identity(file: str, position: int) -> str:
    """The identity of a catalog row that has no id: where it stands."""
    return f"\x01{file}\x00{position}"


def row_keys(
    identities: Sequence[str], versions: Sequence[str] | None, job_fingerprint: bytes
) -> RowKeys:
    """Compute the keys of a batch of rows.

    Args:
        identities: one a row.
        versions: content versions, one a row; None where no row has one.
        job_fingerprint: from :func:`fingerprint`.

    """
    blake2b = hashlib.blake2b
    digests = b"".join(
        [
            blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            for identity in identities
        ]
    )
    # Words are taken big-endian, so that hexadecimal keys sort as the words do.
    identity = np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    if versions is None:
        combined = np.uint64(_version_word("", job_fingerprint))
        return RowKeys(identity=identity, second=identity[:, 1] ^ combined)
    words = np.array(
        [_version_word(version, job_fingerprint) for version in versions], dtype=np.uint64
    )
    return RowKeys(identity=identity, second=identity[:, 1] ^ words)


def _version_word(version: str, job_fingerprint: bytes) -> int:
    digest = hashlib.blake2b(
        version.encode("utf-8", "surrogatepass"), digest_size=8, key=job_fingerprint
    ).digest()
    return int.from_bytes(digest, "big")
