"""The mathematics of choosing one code of many.

Logits are float tensors of shape (rows, codes), finite unless said otherwise; a code that may not
be chosen gets minus infinity. Each row is worked on by itself.
"""

import math

import numpy as np
import torch

_EXCLUDED = float("-inf")


def guide(unconditional: torch.Tensor, conditional: torch.Tensor, scale: float) -> torch.Tensor:
    """Classifier-free guidance: ``unconditional + scale * (conditional - unconditional)``.

    Source: arXiv 2207.12598, in the form of arXiv 2309.02591, section 3.1. A scale of 1 is the
    conditional distribution, 0 the unconditional one.
    """
    return unconditional + scale * (conditional - unconditional)


def guide_edit(
    nothing: torch.Tensor,
    picture: torch.Tensor,
    both: torch.Tensor,
    image_scale: float,
    text_scale: float,
) -> torch.Tensor:
    """Guidance of an edit by two scales (arXiv 2211.09800, equation 3).

    ``nothing + image_scale * (picture - nothing) + text_scale * (both - picture)``

    Args:
        nothing: logits given neither source picture nor text.
        picture: logits given the source picture.
        both: logits given both.

    """
    return nothing + image_scale * (picture - nothing) + text_scale * (both - picture)


def contrast(expert: torch.Tensor, amateur: torch.Tensor, *, k: int, alpha: float) -> torch.Tensor:
    """Scores of contrastive decoding top-k, CD-K (arXiv 2309.02591, section 3.1).

    ``log(p_expert / p_amateur)`` where ``p_expert >= alpha * (k-th largest p_expert)``, else minus
    infinity. With k = 1 that is contrastive decoding (arXiv 2210.15097).

    Args:
        expert: logits given the text.
        amateur: logits without it.
        k: at least 1; more than there are codes counts as all.
        alpha: 0 to 1; 0 keeps every code, 1 the k likeliest.

    """
    expert = expert.log_softmax(dim=-1)
    amateur = amateur.log_softmax(dim=-1)
    kth = expert.topk(min(k, expert.shape[-1]), dim=-1).values[..., -1:]
    bar = kth + (math.log(alpha) if alpha > 0 else _EXCLUDED)
    return (expert - amateur).masked_fill(expert < bar, _EXCLUDED)


def keep_top_k(logits: torch.Tensor, k: int) -> torch.Tensor:
    """Exclude all codes below the k-th best (arXiv 1805.04833); ties with it stay."""
    kth = logits.topk(min(k, logits.shape[-1]), dim=-1).values[..., -1:]
    return logits.masked_fill(logits < kth, _EXCLUDED)


def keep_top_p(logits: torch.Tensor, p: float) -> torch.Tensor:
    """Keep the fewest of the best codes whose probabilities sum to p or more (arXiv 1904.09751).

    Logits may hold minus infinity. The best code always stays.
    """
    ordered, order = logits.sort(dim=-1, descending=True)
    probabilities = ordered.softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    excluded = before >= p
    excluded[..., 0] = False
    return logits.masked_fill(excluded.scatter(-1, order, excluded), _EXCLUDED)


def sample_seeds(seed: int, samples: int, first: int = 0) -> list[int]:
    """Seeds of a request's samples, so that neighbouring requests share none.

    By numpy's ``SeedSequence``, whose numbers its documentation promises to keep.

    Args:
        seed: of the request, 0 or more.
        samples: how many.
        first: number of the first of them. A sample's seed depends on its number alone.

    """
    return [
        int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]) >> 1
        for number in range(first, first + samples)
    ]
