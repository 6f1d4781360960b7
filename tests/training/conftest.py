"""Pictures to train with."""

from collections.abc import Iterator

import pytest
import torch

from training.pictures import Pictures, read_pictures


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Models this small only lose by threads, and one gives the same sums again."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def few() -> Pictures:
    """A few hundred pictures of the training split."""
    pictures = read_pictures("train")
    return Pictures(
        pixels=pictures.pixels[:400], colors=pictures.colors[:400], shapes=pictures.shapes[:400]
    )
