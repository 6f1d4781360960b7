"""Drawing a part of a picture anew: which codes stay. Imports no torch."""

from typing import TYPE_CHECKING

from models.framing import Rectangle
from schemas.errors import RowError
from schemas.failure import FailureKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def keep_outside(
    codes: "NDArray[np.int32]", region: Rectangle, pixels_per_code: int
) -> "NDArray[np.int32]":
    """Mark the codes of a region as to be drawn; the others stay.

    Args:
        codes: of the whole picture, int32 array of shape (rows, columns).
        region: in pixels of the picture that the codes make. A code stays only if its square lies
            outside.
        pixels_per_code: side of that square.

    Returns:
        An int32 array like ``codes``, with -1 in the region.

    Raises:
        RowError: the region is empty, or is not inside the picture.

    """
    height, width = (side * pixels_per_code for side in codes.shape)
    bottom, right = region.top + region.height, region.left + region.width
    inside = min(region.top, region.left) >= 0 and bottom <= height and right <= width
    if not inside or min(region.height, region.width) < 1:
        raise RowError(
            FailureKind.INVALID_ROW,
            f"The region from ({region.left}, {region.top}) to ({right}, {bottom}) that is to be "
            f"drawn anew is not inside the picture of {width} x {height} pixels, or is empty.",
        )
    kept = codes.copy()
    rows = slice(region.top // pixels_per_code, -(-bottom // pixels_per_code))
    columns = slice(region.left // pixels_per_code, -(-right // pixels_per_code))
    kept[rows, columns] = -1
    return kept
