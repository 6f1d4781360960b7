"""A codebook that follows the averages of what is encoded, without a gradient."""

import torch
from torch import distributed, nn

# Distances held at once: 256 MiB of them.
_DISTANCES_AT_ONCE = 1 << 26
_KMEANS_ROUNDS = 12
# How much of the deviation of all vectors one that is its picture's background counts for.
_BACKGROUND = 0.05
# A code whose average use by a batch is below this is as good as never used.
_RARE = 0.05
# Below this its average is of too few vectors to be followed.
_TOO_FEW = 0.02


class EmaCodebook(nn.Module):
    """Codes that are moving averages of the vectors nearest to them (arXiv 1711.00937, A.1).

    Its state is in its buffers. Where several processes train, all follow the vectors of all.

    Args:
        codes: how many.
        dimensions: of a vector.
        decay: what is left of an average after one step.

    """

    vectors: torch.Tensor
    counts: torch.Tensor
    sums: torch.Tensor
    unused: torch.Tensor

    def __init__(self, codes: int, dimensions: int, *, decay: float) -> None:
        super().__init__()
        self._decay = decay
        self.register_buffer("vectors", torch.zeros(codes, dimensions))
        self.register_buffer("counts", torch.ones(codes))
        self.register_buffer("sums", torch.zeros(codes, dimensions))
        self.register_buffer("unused", torch.zeros(codes))

    def nearest(self, vectors: torch.Tensor) -> torch.Tensor:
        """The nearest code of each vector, by Euclidean distance.

        Args:
            vectors: float32 of shape (vectors, dimensions).

        Returns:
            int64 of shape (vectors,).

        """
        return _nearest(vectors, self.vectors)

    @torch.no_grad()
    def start(self, vectors: torch.Tensor, weights: torch.Tensor) -> None:
        """Begin anew with the centres that k-means finds.

        Args:
            vectors: float32 of shape (vectors, dimensions).
            weights: float32 of shape (vectors,), in proportion to which vectors are drawn.

        """
        drawn = vectors[_draw(weights, len(vectors))]
        centres = drawn[torch.randperm(len(drawn))[: len(self.counts)]].clone()
        for _ in range(_KMEANS_ROUNDS):
            counts, sums = totals(drawn, _nearest(drawn, centres), len(centres))
            spare = drawn[torch.randint(len(drawn), (len(centres),))]
            means = sums / counts.clamp(min=1)[:, None]
            centres = torch.where(counts[:, None] > 0, means, spare)
        self.vectors.copy_(_of_first_process(centres))
        self.sums.copy_(self.vectors)
        self.counts.fill_(1)
        self.unused.zero_()

    @torch.no_grad()
    def follow(self, counts: torch.Tensor, sums: torch.Tensor) -> None:
        """Move the codes towards the vectors of one step.

        Args:
            counts: how many vectors were nearest to each code, float32 of shape (codes,).
            sums: of those vectors, float32 of shape (codes, dimensions).

        """
        if distributed.is_initialized():
            counts, sums = counts.clone(), sums.clone()
            distributed.all_reduce(counts)
            distributed.all_reduce(sums)
        self.counts.lerp_(counts, 1 - self._decay)
        self.sums.lerp_(sums, 1 - self._decay)
        self.unused.add_(1).mul_(counts <= 0)
        followed = self.counts > _TOO_FEW
        self.vectors[followed] = self.sums[followed] / self.counts[followed, None]

    @torch.no_grad()
    def restart_dead(self, vectors: torch.Tensor, after: int) -> torch.Tensor:
        """Put codes that nothing uses where vectors are far from all codes.

        A code is dead if no vector was nearest to it for more than ``after`` steps and its average
        use has faded. Its new place is one of the vectors, drawn in proportion to the square of its
        distance to its code.

        Args:
            vectors: float32 of shape (vectors, dimensions).

        Returns:
            The numbers of the codes that were moved, int64.

        """
        dead = ((self.unused > after) & (self.counts < _RARE)).nonzero()[:, 0]
        if len(dead):
            errors = (vectors - self.vectors[self.nearest(vectors)]).square().sum(1)
            places = _of_first_process(vectors[_draw(errors + 1e-6, len(dead))])
            self.vectors[dead] = places
            self.sums[dead] = places
            self.counts[dead] = 1
            self.unused[dead] = 0
        return dead


def totals(
    vectors: torch.Tensor, codes: torch.Tensor, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """How many vectors each code has, and their sums.

    Args:
        vectors: float32 of shape (vectors, dimensions).
        codes: int64 of shape (vectors,), the code of each.
        count: how many codes there are.

    """
    counts = torch.bincount(codes, minlength=count).to(vectors)
    sums = torch.zeros(count, vectors.shape[1], device=vectors.device)
    return counts, sums.index_add_(0, codes, vectors)


def foreground_weights(vectors: torch.Tensor) -> torch.Tensor:
    """How much vectors count when a codebook is begun: more, the less they are like background.

    Most of a picture may be one even ground, and a codebook drawn uniformly would spend most of
    its codes there.

    Args:
        vectors: float32 of shape (pictures, vectors of a picture, dimensions).

    Returns:
        float32 of shape (pictures * vectors of a picture,): each vector's distance from the medians
        of its picture, and a little more.

    """
    medians = vectors.median(1, keepdim=True).values
    distances: torch.Tensor = (vectors - medians).square().sum(2).sqrt()
    return distances.flatten() + _BACKGROUND * vectors.std()


def perplexity(counts: torch.Tensor) -> torch.Tensor:
    """How many codes, used alike, would have the entropy of how these are used: a scalar.

    Args:
        counts: how often each was used, of shape (codes,).

    """
    shares = counts.double() / counts.sum()
    entropy: torch.Tensor = torch.special.entr(shares).sum()
    return entropy.exp()


def _nearest(vectors: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    squares = centres.square().sum(1)
    at_once = max(_DISTANCES_AT_ONCE // len(centres), 1)
    parts = [vectors[first : first + at_once] for first in range(0, len(vectors), at_once)]
    # Without the square of the vector itself, which is the same for all codes.
    return torch.cat([torch.addmm(squares, one, centres.T, alpha=-2).argmin(1) for one in parts])


def _draw(weights: torch.Tensor, count: int) -> torch.Tensor:
    """Draw places with replacement, by the inverse of the cumulated weights, of any number."""
    cumulated = weights.double().cumsum(0)
    drawn = torch.rand(count, dtype=torch.float64).to(weights.device)
    places: torch.Tensor = torch.searchsorted(cumulated, drawn * cumulated[-1], right=True)
    return places.clamp_(max=len(weights) - 1)


def _of_first_process(tensor: torch.Tensor) -> torch.Tensor:
    """The first process's, whose draws all others take over."""
    tensor = tensor.contiguous()
    if distributed.is_initialized():
        distributed.broadcast(tensor, 0)
    return tensor
