"""Row keys: which row of which content, done how.

A key is 16 bytes: two 64-bit words. They are the first words of the SHA-256 of the row's identity
(asset id, and question id where there is one); the second one is then combined (exclusive or) with
a 64-bit hash of the content version and the job's fingerprint. So all versions of one row are
neighbours in a sorted file, and two keys are equal only if identity, content version and
fingerprint are. Of the hashes that a hostile catalog cannot make collide it is the one that
processors have instructions for: a night without news is mostly hashing.
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
    identity = _words(identities, b"")[:, :2]
    if versions is None:
        combined = _words([""], job_fingerprint)[0, 0]
    else:
        combined = _words(versions, job_fingerprint)[:, 0]
    return RowKeys(identity=identity, second=identity[:, 1] ^ combined)


def asset_words(asset_ids: Sequence[str]) -> Words:
    """The words by which assets are told: uint64 array of shape (assets, 2).

    They are those of the identity of a row that asks nothing of its asset.
    """
    return _words(asset_ids, b"")[:, :2]


def _words(texts: Sequence[str], prefix: bytes) -> Words:
    """Hash texts behind a prefix: uint64 array of shape (texts, 4)."""
    sha256 = hashlib.sha256
    digests = b"".join(
        [sha256(prefix + text.encode("utf-8", "surrogatepass")).digest() for text in texts]
    )
    # Words are taken big-endian, so that hexadecimal keys sort as the words do.
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64).reshape(-1, 4)
