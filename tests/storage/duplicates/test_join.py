"""Near pairs against all pairs compared one by one."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.duplicates.components import Components, Rows
from storage.duplicates.join import near_pairs


def noisy_copies(originals: int, copies: int, noise: float, seed: int) -> NDArray[np.uint8]:
    """Signatures of which some differ little: random ones, and copies of them with noise."""
    rng = np.random.default_rng(seed)
    smooth = rng.uniform(0, 255, (originals, 4, 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    made = smooth.reshape(originals, 768).repeat(copies, axis=0)
    made += rng.normal(0, 1, made.shape) * rng.uniform(0, noise, (len(made), 1))
    return np.clip(made, 0, 255).astype(np.uint8)


def found_pairs(
    signatures: NDArray[np.uint8],
    radius: float,
    scratch: Path,
    rows: Rows,
    rows_per_cell: int,
    new: NDArray[np.bool_] | None = None,
) -> list[tuple[int, int]]:
    # Nothing is joined, so all pairs have to come.
    pairs = near_pairs(
        signatures,
        rows,
        radius,
        Components(len(signatures)),
        scratch,
        new=new,
        rows_per_cell=rows_per_cell,
    )
    return [
        (min(pair), max(pair))
        for first, second in pairs
        for pair in zip(first.tolist(), second.tolist(), strict=True)
    ]


@pytest.mark.parametrize("rows_per_cell", [5, 40, 10_000])
@pytest.mark.parametrize("radius", [4.0, 12.0])
def test_every_near_pair_is_found_once(radius: float, rows_per_cell: int, tmp_path: Path) -> None:
    signatures = noisy_copies(200, 4, 8, seed=3)
    rows = np.flatnonzero(np.arange(len(signatures)) % 10 != 3).astype(np.int32)
    found = found_pairs(signatures, radius, tmp_path, rows, rows_per_cell)
    wide = signatures.astype(np.int64)
    expected = {
        (one, int(other))
        for number, one in enumerate(rows.tolist())
        for other in rows[number + 1 :][
            ((wide[one] - wide[rows[number + 1 :]]) ** 2).sum(axis=1) <= radius**2 * 768
        ]
    }
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert len(expected) > 100
    # Where some were compared before, the same but for pairs of these.
    for share in (0.0, 0.1, 0.6):
        new = np.random.default_rng(1).random(len(rows)) < share
        of_new = set(rows[new].tolist())
        found = found_pairs(signatures, radius, tmp_path, rows, rows_per_cell, new)
        assert len(found) == len(set(found))
        assert set(found) == {pair for pair in expected if of_new & set(pair)}


def test_a_heap_of_like_pictures_costs_a_pair_for_each(tmp_path: Path) -> None:
    signatures = noisy_copies(1, 20_000, 2, seed=4)
    rows = np.arange(len(signatures), dtype=np.int32)
    components = Components(len(rows))
    count = 0
    for first, second in near_pairs(signatures, rows, 12.0, components, tmp_path):
        components.join(first, second)
        count += len(first)
    assert not components.all_roots().any()
    assert count < 5 * len(rows)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_have_no_pairs(count: int, tmp_path: Path) -> None:
    signatures = np.zeros((1, 768), np.uint8)
    rows = np.arange(count, dtype=np.int32)
    assert not list(near_pairs(signatures, rows, 12.0, Components(1), tmp_path))
