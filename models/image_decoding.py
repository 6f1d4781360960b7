"""Drawing pictures code by code: prompts once, then all rows and branches in one batch."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import torch

from models.compiled_steps import CompiledSteps
from models.drawing_steps import Begun, EagerSteps, Steps
from models.fused_layers import Transformer
from models.image_model import Grid, ImageModel
from models.prefix_cache import PrefixCache

ChooseCodes = Callable[[torch.Tensor], torch.Tensor]
"""Takes logits of shape (branches, rows, codes), gives codes of shape (rows,)."""


class PictureDecoder:
    """Decodes pictures with one model. Threads may share one; compiled, they take turns."""

    def __init__(self, model: ImageModel, *, compiled: bool = False) -> None:
        self._model = model
        self._transformer = Transformer(model.backbone)
        self._compiled = CompiledSteps(model, self._transformer) if compiled else None
        self._turn = threading.Lock()

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
        # The last code is never read.
        following = height * width - 1 + (0 if row_end is None else height - 1)
        device = self._model.loaded.device
        codes = torch.empty((count, height * width), dtype=torch.int64, device=device)
        with contextlib.nullcontext() if self._compiled is None else self._compiled_turn():
            logits, steps = self._begin(prompts, rows.to(device), following)
            for step in range(height * width):
                codes[:, step] = chosen = choose(logits.view(branches, count, -1))
                if step < height * width - 1:
                    ends_row = row_end is not None and (step + 1) % width == 0
                    logits = steps.read(chosen, ends_row=ends_row)
        return codes

    @contextlib.contextmanager
    def _compiled_turn(self) -> Iterator[None]:
        """Have the compiled steps to oneself; if memory runs out, theirs is given back."""
        assert self._compiled is not None
        with self._turn:
            try:
                yield
            except Exception:
                self._compiled.forget()
                raise

    def _begin(
        self, prompts: Sequence[Sequence[int]], rows: torch.Tensor, following: int
    ) -> tuple[torch.Tensor, Steps]:
        """Read the prompts: logits of the first codes, and what reads them."""
        if self._compiled is not None:
            capacity = max(map(len, prompts)) + following
            self._compiled.make_way(rows.numel(), rows.shape[1], capacity)
        hidden, prefix, valid = self._read(prompts)
        index = rows.flatten()
        begun = Begun(
            prefix=prefix, valid=valid, index=index, branches=len(rows), following=following
        )
        logits = self._model.logits(hidden[index])
        if self._compiled is None:
            return logits, EagerSteps(self._model, self._transformer, begun)
        self._compiled.begin(begun)
        return logits, self._compiled

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
        angles = self._transformer.angles(positions)
        return self._transformer.run(embedded, angles, mask, cache), cache, valid
