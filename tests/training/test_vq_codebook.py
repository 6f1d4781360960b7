"""The moving codebook against plain formulas, its start and the restart of codes."""

import numpy as np
import pytest
import torch
from scipy.cluster.vq import kmeans2

from training import vq_codebook
from training.vq_codebook import EmaCodebook, foreground_weights, perplexity, totals


def random_vectors(count: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32))


def a_codebook(codes: int, seed: int = 0, decay: float = 0.9) -> EmaCodebook:
    codebook = EmaCodebook(codes, 3, decay=decay)
    codebook.vectors.copy_(random_vectors(codes, seed))
    codebook.sums.copy_(codebook.vectors)
    return codebook


def test_codes_follow_the_formula_of_the_paper() -> None:
    """arXiv 1711.00937, appendix A.1, code by code in double precision."""
    decay, codes = 0.9, 6
    codebook = a_codebook(codes, decay=decay)
    places = codebook.vectors.double().numpy().copy()
    counts, sums = np.ones(codes), places.copy()
    for step in range(5):
        batch = random_vectors(40, 10 + step)
        chosen = codebook.nearest(batch)
        vectors = batch.double().numpy()
        expected = [int(np.argmin(((places - one) ** 2).sum(1))) for one in vectors]
        assert chosen.tolist() == expected
        codebook.follow(*totals(batch, chosen, codes))
        for code in range(codes):
            mine = vectors[np.asarray(expected) == code]
            counts[code] = decay * counts[code] + (1 - decay) * len(mine)
            sums[code] = decay * sums[code] + (1 - decay) * mine.sum(0)
            places[code] = sums[code] / counts[code]
        np.testing.assert_allclose(codebook.vectors.numpy(), places, rtol=1e-5, atol=1e-6)
    assert np.abs(places - random_vectors(codes, 0).numpy()).max() > 0.1


def test_distances_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    codebook, vectors = a_codebook(7), random_vectors(50, 1)
    whole = codebook.nearest(vectors)
    monkeypatch.setattr(vq_codebook, "_DISTANCES_AT_ONCE", 20)
    assert torch.equal(codebook.nearest(vectors), whole)


def test_it_begins_with_the_centres_that_scipy_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vq_codebook, "_draw", lambda weights, count: torch.arange(count))
    vectors = random_vectors(300, 3)
    codebook = EmaCodebook(10, 3, decay=0.9)
    torch.manual_seed(0)
    codebook.start(vectors, torch.ones(len(vectors)))
    torch.manual_seed(0)
    first = vectors[torch.randperm(len(vectors))[:10]].double().numpy()
    centres, _ = kmeans2(vectors.double().numpy(), first, iter=12, minit="matrix", missing="raise")
    np.testing.assert_allclose(codebook.vectors.numpy(), centres, rtol=1e-4, atol=1e-5)
    assert torch.equal(codebook.sums, codebook.vectors)
    assert codebook.counts.eq(1).all()


def test_only_what_weighs_something_is_drawn_at_the_start() -> None:
    torch.manual_seed(0)
    vectors = torch.cat([random_vectors(50, 1), random_vectors(50, 2) + 50])
    codebook = EmaCodebook(8, 3, decay=0.9)
    codebook.start(vectors, torch.cat([torch.zeros(50), torch.ones(50)]))
    assert codebook.vectors.min() > 40


def test_the_background_weighs_little() -> None:
    grid = random_vectors(2 * 16, 5).view(2, 16, 3) * 0.01
    grid[:, 3] += 5
    weights = foreground_weights(grid).view(2, 16)
    assert (weights.argmax(1) == 3).all()
    assert (weights[:, 3] > 10 * weights[:, :3].max(1).values).all()
    assert (weights > 0).all()


def test_a_dead_code_is_put_where_vectors_are_far_from_all() -> None:
    torch.manual_seed(0)
    codebook = a_codebook(4, decay=0.5)
    codebook.vectors[3] = codebook.sums[3] = 1000.0
    near = codebook.vectors[:3].repeat_interleave(20, 0) + 0.01 * random_vectors(60, 6)
    far = torch.full((1, 3), 30.0)
    for _ in range(9):
        codebook.follow(*totals(near, codebook.nearest(near), 4))
    batch = torch.cat([near, far])
    assert codebook.restart_dead(batch, after=9).tolist() == []
    codebook.follow(*totals(near, codebook.nearest(near), 4))
    assert codebook.restart_dead(batch, after=9).tolist() == [3]
    assert torch.equal(codebook.vectors[3], far[0])
    assert [codebook.counts[3].item(), codebook.unused[3].item()] == [1, 0]
    assert codebook.nearest(far).tolist() == [3]
    assert codebook.restart_dead(batch, after=9).tolist() == []


def test_perplexity_is_the_exponential_of_the_entropy() -> None:
    assert float(perplexity(torch.tensor([5.0, 5, 0, 5, 5]))) == 4
    shares = np.array([1, 2, 5]) / 8
    expected = np.exp(-(shares * np.log(shares)).sum())
    np.testing.assert_allclose(float(perplexity(torch.tensor([1.0, 2, 5]))), expected)
