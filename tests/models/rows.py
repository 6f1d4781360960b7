"""Rows to describe."""

import numpy as np
from numpy.typing import NDArray

from models.describing import DecodingSettings, DescribeRequest, Description
from schemas.errors import RowError

GREEDY = DecodingSettings(max_new_tokens=8)
SAMPLING = DecodingSettings(max_new_tokens=8, temperature=0.8, top_p=0.9)
PROMPTS = (
    "what colour is it",
    "describe",
    "what colour is the big thing in this picture it is",
    "is it big",
)
SIZES = ((40, 56), (64, 64), (90, 48), (40, 56))


def noise(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """A picture of noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def request(
    *pictures: NDArray[np.uint8], prompt: str = "describe it", seed: int = 0
) -> DescribeRequest:
    """One row."""
    return DescribeRequest(images=pictures, prompt=prompt, seed=seed)


def mixed_rows() -> list[DescribeRequest]:
    """Rows of different prompt lengths and picture sizes, two of them of one size."""
    return [
        request(noise(*size, seed=number), prompt=prompt, seed=number)
        for number, (prompt, size) in enumerate(zip(PROMPTS, SIZES, strict=True))
    ]


def described(result: Description | RowError) -> Description:
    """The description, where there must be one."""
    assert isinstance(result, Description), result
    return result


def assert_same(
    results: list[Description | RowError], others: list[Description | RowError]
) -> None:
    """Texts, counts and endings are equal, and log-probabilities within 1e-4."""
    assert len(results) == len(others)
    for result, other in zip(map(described, results), map(described, others), strict=True):
        assert result.text == other.text
        assert result.token_count == other.token_count
        assert result.finish_reason == other.finish_reason
        assert abs(result.mean_logprob - other.mean_logprob) < 1e-4
