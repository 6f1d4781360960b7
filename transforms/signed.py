"""What a picture gets by which duplicates are found."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signed:
    """The signature of a picture.

    Attributes:
        signature: 768 bytes: see :func:`storage.duplicates.signature.signature_of`.
        pixels_sha256: digest of the decoded pixels, 64 hexadecimal digits.
        vector: float16 array of shape (dimension,), of length 1.

    """

    signature: bytes
    pixels_sha256: str
    vector: "NDArray[np.float16]"
