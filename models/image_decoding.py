"""Drawing pictures code by code: prompts once, then all rows and branches in one batch."""

from collections.abc import Callable, Sequence

import torch

from models.fused_layers import Angles, Transformer
from models.image_model import Grid, ImageModel
from models.prefix_cache import PrefixCache

ChooseCodes = Callable[[torch.Tensor], torch.Tensor]
"""Takes logits of shape (branches, rows, codes), gives codes of shape (rows,)."""


class PictureDecoder:
    """Decodes pictures with one model. Holds no state: threads may share one."""

    def __init__(self, model: ImageModel) -> None:
        self._model = model
        self._transformer = Transformer(model.backbone)

    def draw(
        self,
        prompts: Sequence[Sequence[int]],
        rows: torch.Tensor,
        grid: Grid,
        choose: ChooseCodes,
    ) -> torch.Tensor:
        """Draw one picture a row.

        Args:
            prompts: token ids, each prompt once.
            rows: int64 of shape (branches, rows): the prompt of each branch of each row.
            grid: of every picture.
            choose: chooses a step's codes.

        Returns:
            Codes, int64 of shape (rows, codes), in the order of reading.

        """
        branches, count = rows.shape
        height, width = grid
        row_end = self._model.row_end
        hidden, prefix, valid = self._read(prompts)
        index = rows.to(hidden.device).flatten()
        # The last code is never read.
        capacity = prefix.length + height * width - 1 + (0 if row_end is None else height - 1)
        cache = prefix.expand(index, capacity)
        hidden = hidden[index]
        del prefix
        angles = self._angles(hidden, valid.sum(dim=1)[index], capacity - cache.length)
        mask = _attention(valid[index], capacity, hidden.dtype)
        begun = cache.length
        codes = torch.empty((count, height * width), dtype=torch.int64, device=hidden.device)
        for step in range(height * width):
            logits = self._model.logits(hidden).view(branches, count, -1)
            codes[:, step] = chosen = choose(logits)
            if step == height * width - 1:
                break
            embedded = self._model.embed_codes(chosen).repeat(branches, 1).unsqueeze(1)
            if row_end is not None and (step + 1) % width == 0:
                end = torch.full_like(index, row_end).unsqueeze(1)
                embedded = torch.cat([embedded, self._model.backbone.embed_tokens(end)], dim=1)
            start, stop = cache.length, cache.length + embedded.shape[1]
            cosine, sine = (part[:, start - begun : stop - begun] for part in angles)
            seen = None if mask is None else mask[..., :stop]
            if stop - start > 1:
                seen = _ahead(seen, start, stop, hidden)
            hidden = self._transformer.run(embedded, (cosine, sine), seen, cache)
        return codes

    def _read(
        self, prompts: Sequence[Sequence[int]]
    ) -> tuple[torch.Tensor, PrefixCache, torch.Tensor]:
        """Read prompts, padded left: their last states, their cache, and what is no padding."""
        device = self._model.loaded.device
        longest = max(map(len, prompts))
        ids = torch.zeros((len(prompts), longest), dtype=torch.int64)
        valid = torch.zeros((len(prompts), longest), dtype=torch.bool)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt, dtype=torch.int64)
            valid[row, longest - len(prompt) :] = True
        ids, valid = ids.to(device), valid.to(device)
        positions = (valid.cumsum(dim=1) - 1).clamp(min=0)
        embedded = self._model.backbone.embed_tokens(ids)
        mask = None
        if not bool(valid.all()):
            seen = torch.ones((longest, longest), dtype=torch.bool, device=device).tril()
            # Padding sees itself, for states made of nothing would not be numbers.
            itself = torch.eye(longest, dtype=torch.bool, device=device)
            mask = ((seen & valid[:, None, None, :]) | itself).expand(-1, 1, -1, -1)
        cache = PrefixCache(self._transformer.depth, longest)
        angles = self._transformer.angles(embedded, positions)
        return self._transformer.run(embedded, angles, mask, cache), cache, valid

    def _angles(self, hidden: torch.Tensor, lengths: torch.Tensor, steps: int) -> Angles:
        """Cosines and sines of all positions to come, each of shape (rows, steps, width)."""
        positions = lengths.unsqueeze(1) + torch.arange(steps, device=hidden.device)
        if bool((lengths == lengths[0]).all()):
            positions = positions[:1]
        return self._transformer.angles(hidden[:1].unsqueeze(1), positions)


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
