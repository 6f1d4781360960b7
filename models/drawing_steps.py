"""Reading one more code of each picture, operation by operation."""

from dataclasses import dataclass
from typing import Protocol

import torch

from models.fused_layers import Transformer
from models.image_model import ImageModel
from models.prefix_cache import PrefixCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Prompts that were read, and what is to follow them.

    Attributes:
        prefix: their keys and values, each prompt once.
        valid: bool of shape (prompts, tokens): False where a prompt is padded, on its left.
        index: int64 of shape (branches x pictures,): the prompt of each row, by branch.
        branches: how many rows a picture has.
        following: tokens that will be read after the prompts.

    """

    prefix: PrefixCache
    valid: torch.Tensor
    index: torch.Tensor
    branches: int
    following: int

    @property
    def capacity(self) -> int:
        """Tokens of a row when all is read."""
        return self.prefix.length + self.following


class Steps(Protocol):
    """Reads codes after prompts."""

    def read(self, codes: torch.Tensor, *, ends_row: bool) -> torch.Tensor:
        """Read the code that was chosen for each picture.

        Args:
            codes: int64 of shape (pictures,).
            ends_row: whether the token that ends a row of codes follows.

        Returns:
            Logits of the next code, of shape (branches x pictures, codes).

        """


class EagerSteps:
    """Attends to what is filled and nothing else; takes any shape at no cost."""

    def __init__(self, model: ImageModel, transformer: Transformer, begun: Begun) -> None:
        self._model = model
        self._transformer = transformer
        self._branches = begun.branches
        self._begun = begun.prefix.length
        self._cache = begun.prefix.expand(begun.index, begun.capacity)
        valid = begun.valid[begun.index]
        lengths = valid.sum(dim=1)
        positions = lengths.unsqueeze(1) + torch.arange(begun.following, device=valid.device)
        if bool((lengths == lengths[0]).all()):
            positions = positions[:1]
        self._angles = transformer.angles(positions)
        self._mask = _attention(valid, begun.capacity, self._angles[0].dtype)

    def read(self, codes: torch.Tensor, *, ends_row: bool) -> torch.Tensor:
        """See :class:`Steps`."""
        embedded = embed_step(self._model, codes, self._branches, ends_row=ends_row)
        start = self._cache.length
        stop = start + embedded.shape[1]
        cosine, sine = (part[:, start - self._begun : stop - self._begun] for part in self._angles)
        seen = None if self._mask is None else self._mask[..., :stop]
        if stop - start > 1:
            seen = _ahead(seen, start, stop, embedded)
        hidden = self._transformer.run(embedded, (cosine, sine), seen, self._cache)
        return self._model.logits(hidden)


def embed_step(
    model: ImageModel, codes: torch.Tensor, branches: int, *, ends_row: bool
) -> torch.Tensor:
    """Embeddings of a step, of shape (branches x pictures, tokens, width)."""
    embedded = model.embed_codes(codes).repeat(branches, 1).unsqueeze(1)
    if not ends_row:
        return embedded
    assert model.row_end is not None
    end = model.backbone.embed_tokens.weight[model.row_end]
    return torch.cat([embedded, end.expand_as(embedded)], dim=1)


def _attention(valid: torch.Tensor, capacity: int, dtype: torch.dtype) -> torch.Tensor | None:
    """What is added to attention over padded prompts and all codes; None without padding."""
    if bool(valid.all()):
        return None
    added = torch.zeros((len(valid), 1, 1, capacity), dtype=dtype, device=valid.device)
    added[:, 0, 0, : valid.shape[1]].masked_fill_(~valid, torch.finfo(dtype).min)
    return added


def _ahead(seen: torch.Tensor | None, start: int, stop: int, like: torch.Tensor) -> torch.Tensor:
    """Attention of several tokens at once, each of which sees itself and what was before."""
    tokens = stop - start
    hidden = torch.full((tokens, tokens), torch.finfo(like.dtype).min, dtype=like.dtype)
    ahead = torch.zeros((1, 1, tokens, stop), dtype=like.dtype, device=like.device)
    ahead[..., start:] = hidden.triu(diagonal=1).to(like.device)
    return ahead if seen is None else torch.minimum(ahead, seen)
