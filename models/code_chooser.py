"""Choosing the next code of each picture from what the branches of its request say."""

from collections.abc import Sequence
from enum import StrEnum

import torch

from models.decoding import RowSampler
from models.generating import ImageSettings
from models.sampling import contrast, guide, guide_edit, keep_top_k, keep_top_p


class Branch(StrEnum):
    """What a model is given when it is asked for the next code."""

    REQUEST = "request"
    """The source pictures, if any, and the text."""
    PICTURES = "pictures"
    """The source pictures without the text."""
    NOTHING = "nothing"
    """Neither."""


def branches_for(settings: ImageSettings, *, pictures: bool) -> tuple[Branch, ...]:
    """The branches that decoding needs; those that would weigh nothing are left out.

    Args:
        settings: how codes are to be chosen.
        pictures: whether the request has source pictures.

    """
    contrasting, scale = settings.contrast, settings.guidance
    guiding = contrasting is None or contrasting.half
    if not pictures:
        nothing = contrasting is not None or scale != 1
        return (Branch.REQUEST, Branch.NOTHING) if nothing else (Branch.REQUEST,)
    image_scale = 1.0 if settings.image_guidance is None else settings.image_guidance
    chosen = [Branch.REQUEST]
    # The weights of equation 3 of arXiv 2211.09800, gathered by branch: of the pictures alone
    # image_scale - scale, and of nothing 1 - image_scale.
    if contrasting is not None or (guiding and scale != image_scale):
        chosen.append(Branch.PICTURES)
    if guiding and image_scale != 1:
        chosen.append(Branch.NOTHING)
    return tuple(chosen)


class CodeChooser:
    """Chooses codes, step by step, and adds up their log-probabilities.

    Attributes:
        logprobs: float64 of shape (rows,): of the codes chosen so far, given the request.

    """

    def __init__(
        self,
        settings: ImageSettings,
        branches: Sequence[Branch],
        seeds: Sequence[int],
        contrasted: torch.Tensor,
        steps: int,
        kept: torch.Tensor | None = None,
    ) -> None:
        """Prepare for ``len(seeds)`` rows.

        Args:
            settings: how codes are chosen.
            branches: in the order in which their logits come.
            seeds: one a row.
            contrasted: bool of shape (rows,): rows that contrastive decoding is to choose for.
            steps: codes of a picture.
            kept: int64 of shape (rows, steps): codes that stand, whatever is said of them, and -1
                where one is to be chosen; None to choose all.

        """
        self._kept = kept
        self._step = 0
        self._settings = settings
        self._places = {branch: place for place, branch in enumerate(branches)}
        self._sampler = RowSampler(seeds, steps) if settings.temperature > 0 else None
        self._contrasted = contrasted
        self._all_contrasted = bool(contrasted.all())
        self._any_contrasted = bool(contrasted.any())
        self.logprobs = torch.zeros(len(seeds), dtype=torch.float64)

    def choose(self, logits: torch.Tensor) -> torch.Tensor:
        """Take the next code of each row.

        Args:
            logits: of shape (branches, rows, codes).

        Returns:
            int64 of shape (rows,).

        """
        logits = logits.float()
        scores = self.scores(logits)
        codes = scores.argmax(dim=-1) if self._sampler is None else self._sampler.choose(scores)
        given = logits[self._places[Branch.REQUEST]].log_softmax(dim=-1)
        chosen = given.gather(1, codes.unsqueeze(1)).squeeze(1).double()
        if self._kept is not None:
            kept = self._kept[:, self._step]
            codes = torch.where(kept < 0, codes, kept)
            chosen = torch.where(kept < 0, chosen, 0.0)
            self._step += 1
        self.logprobs = self.logprobs.to(chosen.device) + chosen
        return codes

    def scores(self, logits: torch.Tensor) -> torch.Tensor:
        """What codes are sampled by, up to a constant a row: logits of shape (rows, codes).

        Args:
            logits: of shape (branches, rows, codes).

        """
        if self._all_contrasted:
            return self._tempered(self._contrast(logits))
        scores = self._filtered(self._tempered(self._guided(logits)))
        if not self._any_contrasted:
            return scores
        contrasted = self._tempered(self._contrast(logits))
        return torch.where(self._contrasted.unsqueeze(1), contrasted, scores)

    def _guided(self, logits: torch.Tensor) -> torch.Tensor:
        request, scale = logits[self._places[Branch.REQUEST]], self._settings.guidance
        image_scale = self._settings.image_guidance
        pictures = self._places.get(Branch.PICTURES)
        nothing = self._places.get(Branch.NOTHING)
        if pictures is not None and nothing is not None:
            assert image_scale is not None
            return guide_edit(logits[nothing], logits[pictures], request, image_scale, scale)
        other = nothing if pictures is None else pictures
        return request if other is None or scale == 1 else guide(logits[other], request, scale)

    def _contrast(self, logits: torch.Tensor) -> torch.Tensor:
        chosen = self._settings.contrast
        assert chosen is not None
        amateur = self._places.get(Branch.PICTURES, self._places.get(Branch.NOTHING))
        assert amateur is not None
        request = logits[self._places[Branch.REQUEST]]
        return contrast(request, logits[amateur], k=chosen.k, alpha=chosen.alpha)

    def _tempered(self, scores: torch.Tensor) -> torch.Tensor:
        temperature = self._settings.temperature
        return scores if temperature in (0, 1) else scores / temperature

    def _filtered(self, scores: torch.Tensor) -> torch.Tensor:
        if self._settings.top_k:
            scores = keep_top_k(scores, self._settings.top_k)
        return keep_top_p(scores, self._settings.top_p) if self._settings.top_p < 1 else scores
