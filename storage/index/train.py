"""Training: from a sample of the vectors to an empty index that any worker can add to."""

from typing import Any

from schemas.errors import UsageError
from storage.index.choose import IndexChoice
from storage.index.errors import VectorError
from storage.index.kinds import FAISS, inner_index, kind_of, new_index
from storage.index.vectors import Vectors, vector_faults

_SEED = 1234


def train_index(sample: Vectors, choice: IndexChoice) -> bytes:
    """Train an index.

    The same sample in the same order gives the same index on the same machine; BLAS may round
    otherwise on another. Memory: the sample, and about once more as much.

    Args:
        sample: float32 array of shape (vectors, dimension), each of length 1; see
            ``IndexChoice.training_vectors`` for how many. Empty where none are needed.
        choice: what to train.

    Returns:
        The empty index, serialised by FAISS.

    Raises:
        UsageError: there are fewer vectors than clusters, or too few for the codes.
        VectorError: a vector of the sample is not finite or not of length 1.

    """
    index = new_index(choice.factory, choice.dimension)
    if index.is_trained:
        return _serialized(index)
    faults = vector_faults(sample, choice.dimension)
    if faults:
        row = min(faults)
        raise VectorError(f"Vector {row} of the sample {faults[row]}.")
    if len(sample) < choice.clusters:
        raise UsageError(
            f"{choice.factory} has {choice.clusters:,} clusters, and the sample only "
            f"{len(sample):,} vectors. Draw a larger sample or use fewer clusters."
        )
    if kind_of(index) == "ivf":
        clustering = inner_index(index).cp
        clustering.seed = _SEED
        clustering.min_points_per_centroid = 1  # else FAISS complains on the terminal
    try:
        index.train(sample)
    except RuntimeError as error:
        raise UsageError(
            f"{choice.factory} cannot be trained on {len(sample):,} vectors: it needs "
            f"{choice.training_vectors:,} or so. Draw a larger sample."
        ) from error
    return _serialized(index)


def _serialized(index: Any) -> bytes:
    data: bytes = FAISS.serialize_index(index).tobytes()
    return data
