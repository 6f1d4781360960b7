"""ROUGE-L of captions (Lin 2004, https://aclanthology.org/W04-1013), as pycocoevalcap has it."""

from collections.abc import Sequence

_BETA_SQUARED = 1.2**2


def rouge_l(candidate: str, references: Sequence[str]) -> float:
    """Score one candidate: the F measure of the longest common subsequence, with beta 1.2.

    Precision and recall are each the best over the references, be it of different ones. Tokens are
    what single blanks part, so that an empty text is one empty token: two empty texts score 1.

    Args:
        candidate: a tokenized text.
        references: one or more such texts.

    """
    tokens = candidate.split(" ")
    masks: dict[str, int] = {}
    for place, token in enumerate(tokens):
        masks[token] = masks.get(token, 0) | 1 << place
    precision = recall = 0.0
    for reference in references:
        others = reference.split(" ")
        common = _longest_common_subsequence(masks, len(tokens), others)
        precision = max(precision, common / len(tokens))
        recall = max(recall, common / len(others))
    if not precision or not recall:
        return 0.0
    return (1 + _BETA_SQUARED) * precision * recall / (recall + _BETA_SQUARED * precision)


def _longest_common_subsequence(masks: dict[str, int], length: int, others: Sequence[str]) -> int:
    """Length of the longest common subsequence, a bit for each token of the one text.

    After Hyyro, "Bit-parallel LCS-length computation revisited" (2004): a zero in the row of bits
    is where the length grows by one.

    Args:
        masks: where the one text has each token.
        length: tokens of the one text.
        others: tokens of the other one.

    """
    everything = (1 << length) - 1
    row = everything
    for token in others:
        matches = row & masks.get(token, 0)
        row = (row + matches | row - matches) & everything
    return length - row.bit_count()
