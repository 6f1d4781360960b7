"""The contrastive loss."""

import math

import pytest
import torch

from training.contrast import contrastive_loss


def test_it_is_clips_loss_where_each_caption_fits_one_picture() -> None:
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    numbers = torch.arange(5)
    expected = torch.nn.functional.cross_entropy(logits, numbers)
    expected += torch.nn.functional.cross_entropy(logits.T, numbers)
    assert contrastive_loss(logits, torch.eye(5).bool()).item() == pytest.approx(
        expected.item() / 2, abs=1e-6
    )


def test_it_is_nothing_where_all_that_fits_is_chosen_alike() -> None:
    fits = torch.tensor([[True, False], [True, False], [False, True]])
    assert contrastive_loss(fits.float() * 100, fits).item() == pytest.approx(0, abs=1e-6)


def test_a_caption_that_fits_no_picture_counts_only_against_the_pictures() -> None:
    fits = torch.tensor([[True, False], [True, False]])
    # The pictures choose between two captions, the one caption among two pictures.
    assert contrastive_loss(torch.zeros(2, 2), fits).item() == pytest.approx(math.log(2) / 2)
