"""Types of vectors and numbers that tables hold."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float32Vector = NDArray[np.float32]
    Float16Vector = NDArray[np.float16]
    Int32Vector = NDArray[np.int32]
    UInt16Vector = NDArray[np.uint16]
    UInt32Vector = NDArray[np.uint32]
    Float64Vector = NDArray[np.float64]
    Int64 = int
    Float64 = float
    OptionalFloat64 = float | None
else:
    # Only names at run time, by which schemas.arrow knows them.
    class Float32Vector:
        """A float32 array of shape (dimension,)."""

    class Float16Vector:
        """A float16 array of shape (dimension,)."""

    class Int32Vector:
        """An int32 array of shape (length,)."""

    class UInt16Vector:
        """A uint16 array of shape (length,)."""

    class UInt32Vector:
        """A uint32 array of shape (length,)."""

    class Int64:
        """A whole number of 64 bits."""

    class Float64Vector:
        """A float64 array of shape (length,)."""

    class Float64:
        """A number of 64 bits with a fraction."""

    class OptionalFloat64:
        """A number of 64 bits with a fraction, or null."""
