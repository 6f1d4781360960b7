"""CIDEr and CIDEr-D of captions (Vedantam et al. 2015, https://arxiv.org/abs/1411.5726).

On the scale of pycocoevalcap, whose ``Cider`` is CIDEr-D: ten times the mean over n-grams of one
to four tokens, counts that are not divided by the sentence's length, and no stemming. Sentences'
lengths are compared in bigrams, as there.
"""

import numpy as np
from numpy.typing import NDArray

from transforms.metrics.document_frequencies import DocumentFrequencies
from transforms.metrics.ngrams import ORDERS, NgramBlock

_SCALE = 10.0
_SIGMA = 6.0

Scores = NDArray[np.float64]


def cider(block: NgramBlock, frequencies: DocumentFrequencies) -> tuple[Scores, Scores]:
    """Score the candidates of a block.

    For each order of n-grams the cosine of the tf-idf vectors of candidate and reference, averaged
    over references and orders. CIDEr-D clips the candidate's weights to the reference's, and
    multiplies by a Gaussian of the difference in length, with a deviation of 6.

    Args:
        frequencies: of all rows' references, these rows' among them.

    Returns:
        CIDEr-D and CIDEr, each float64 of shape (rows,).

    """
    sentences = len(block.lengths)
    idf = np.log(max(frequencies.rows, 1)) - np.log(
        np.maximum(1, frequencies.look_up(block.hashes))
    )
    weight = block.count * idf[block.ngram]
    order = block.orders[block.ngram]
    place = block.sentence * ORDERS + order
    cells = sentences * ORDERS
    norm = np.sqrt(np.bincount(place, weight * weight, cells)).reshape(sentences, ORDERS)

    candidate = block.is_candidate
    first_is_candidate = candidate[block.group_starts]
    shared = first_is_candidate[block.group] & ~candidate
    mine = weight[block.group_starts][block.group[shared]]
    theirs = weight[shared]
    clipped = np.bincount(place[shared], np.minimum(mine, theirs) * theirs, cells)
    plain = np.bincount(place[shared], mine * theirs, cells)

    of_candidate = block.starts[block.rows]
    norms = norm * norm[of_candidate]
    norms[norms == 0] = 1.0
    bigrams = np.maximum(block.lengths - 1, 0)
    penalty = np.exp(-((bigrams - bigrams[of_candidate]) ** 2) / (2 * _SIGMA**2))
    return (
        _mean_over_references(block, clipped.reshape(norms.shape) / norms * penalty[:, None]),
        _mean_over_references(block, plain.reshape(norms.shape) / norms),
    )


def _mean_over_references(block: NgramBlock, similarity: Scores) -> Scores:
    """Average over orders and references.

    Args:
        similarity: of each sentence to its row's candidate, shape (sentences, orders); 0 for the
            candidates themselves.

    """
    references = np.bincount(block.rows, minlength=block.row_count) - 1
    summed = np.bincount(block.rows, similarity.mean(axis=1), block.row_count)
    return _SCALE * summed / references
