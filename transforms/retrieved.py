"""What retrieval gives for a row."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.embedding import Modality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Retrieved:
    """The neighbours of a row, the best first.

    Attributes:
        modality: what the query was: image, text or both.
        ids: of the neighbours.
        scores: float32 array of as many inner products.
        text_cut: whether the query's text was longer than the model reads.

    """

    modality: Modality
    ids: tuple[str, ...]
    scores: "NDArray[np.float32]"
    text_cut: bool
