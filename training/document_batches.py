"""From packed sequences to a batch."""

from collections.abc import Sequence as Several

import numpy as np
import torch

from storage.sequences import Sequence
from training.objective import Batch

_MULTIPLE = 8


def collate(sequences: Several[Sequence], *, attend_across: bool) -> Batch:
    """Lay sequences side by side, as wide as the longest needs.

    Nothing is predicted across the edge of two documents, for nothing is seen across it.

    Args:
        attend_across: each sequence is one text: positions run on, and so does what is predicted.

    Returns:
        ``tokens``, ``positions``, ``documents`` and ``branches``, int64 tensors of shape
        (sequences, tokens): ids, positions that restart at each document, the number of each
        token's document within its sequence, where padding is one of its own, and in documents
        that share their beginning, which of them a token is of; 0 for what they share, and for
        others. And of all tokens that have a weight:
        ``places``, int64, where in the flattened tokens the one before each stands, which predicts
        it; ``targets``, int64, their ids; ``weights``, float32.

    """
    longest = max(map(len, sequences))
    shape = len(sequences), -(-longest // _MULTIPLE) * _MULTIPLE
    tokens = np.zeros(shape, np.int64)
    weights = np.zeros(shape, np.float32)
    positions = np.tile(np.arange(shape[1]), (shape[0], 1))
    documents = np.zeros(shape, np.int64)
    branches = np.zeros(shape, np.int64)
    # The token before each, which predicts it.
    before = np.tile(np.arange(-1, shape[1] - 1), (shape[0], 1))
    for row, sequence in enumerate(sequences):
        size = len(sequence)
        tokens[row, :size] = sequence.tokens
        weights[row, :size] = sequence.weights
        starts, stems = sequence.starts, sequence.stems
        if attend_across:
            starts, stems = starts[:1], stems[:1]
        starts = np.append(starts, size)
        stems = np.append(stems, -1)
        # At its beginning nothing comes before that could predict a document.
        weights[row, starts[stems < 0][:-1]] = 0
        numbers = np.repeat(np.arange(len(starts)), np.diff(starts, append=shape[1]))
        first = np.where(stems < 0, np.arange(len(starts)), stems)
        documents[row] = first[numbers]
        branches[row] = np.where(stems < 0, 0, np.arange(len(starts)))[numbers]
        # Behind a shared beginning positions run on from where that ends.
        ends = np.append(starts[1:], shape[1])
        shift = starts - np.where(stems < 0, 0, ends[stems] - starts[stems])
        positions[row] -= shift[numbers]
        parted = np.flatnonzero(stems >= 0)
        before[row, starts[parted]] = ends[stems[parted]] - 1
    rows, columns = np.nonzero(weights)
    return {
        "tokens": torch.from_numpy(tokens),
        "positions": torch.from_numpy(positions),
        "documents": torch.from_numpy(documents),
        "branches": torch.from_numpy(branches),
        "places": torch.from_numpy(rows * shape[1] + before[rows, columns]),
        "targets": torch.from_numpy(tokens[rows, columns]),
        "weights": torch.from_numpy(weights[rows, columns]),
    }


def sees(documents: torch.Tensor, branches: torch.Tensor) -> torch.Tensor:
    """Which token sees which: those of its document that do not come after it.

    Args:
        documents: int64 tensor of shape (sequences, tokens); see :func:`collate`.
        branches: likewise; where documents share a beginning, each sees that and itself.

    Returns:
        bool tensor of shape (sequences, 1, tokens, tokens).

    """
    same = documents[:, :, None] == documents[:, None, :]
    own = (branches[:, :, None] == branches[:, None, :]) | (branches[:, None, :] == 0)
    return (same & own).tril()[:, None]
