"""Training: repeatable, and clear about samples that do not do."""

import numpy as np
import pytest

from schemas.errors import UsageError
from storage.index.errors import VectorError
from storage.index.kinds import load_trained
from storage.index.train import train_index
from tests.storage.index.making import a_choice, clustered

SAMPLE = clustered(3000, 32, seed=5)


@pytest.mark.parametrize("factory", ["IVF32,Flat", "IVF32,SQ8", "IVF32,PQ16x4fsr", "IVF32,RaBitQ"])
def test_the_same_sample_trains_the_same_index(factory: str) -> None:
    choice = a_choice(factory, 3000, 32)
    trained = train_index(SAMPLE, choice)
    assert trained == train_index(SAMPLE.copy(), choice)
    assert trained != train_index(SAMPLE[::-1].copy(), choice)
    index = load_trained(trained)
    assert (index.is_trained, index.ntotal, index.d) == (True, 0, 32)


@pytest.mark.parametrize("factory", ["Flat", "HNSW16"])
def test_what_needs_no_training_needs_no_sample(factory: str) -> None:
    choice = a_choice(factory, 3000, 32)
    assert choice.training_vectors == 0
    assert load_trained(train_index(SAMPLE[:0], choice)).is_trained


def test_fewer_vectors_than_clusters_are_refused() -> None:
    choice = a_choice("IVF32,Flat", 3000, 32)
    with pytest.raises(UsageError, match="32 clusters, and the sample only 31 vectors"):
        train_index(SAMPLE[:31], choice)
    assert load_trained(train_index(SAMPLE[:32], choice)).is_trained


def test_too_few_vectors_for_the_codes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"cannot be trained on 20 vectors: it needs 3,000"):
        train_index(SAMPLE[:20], a_choice("IVF4,PQ16x8", 3000, 32))


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "no numbers"), (np.inf, "infinite"), (9.0, "the length 9")]
)
def test_a_sample_with_a_bad_vector_is_refused(value: float, reason: str) -> None:
    sample = SAMPLE.copy()
    sample[17, 3] = value
    with pytest.raises(VectorError, match=f"Vector 17 of the sample .*{reason}"):
        train_index(sample, a_choice("IVF32,Flat", 3000, 32))


def test_a_sample_of_another_dimension_is_refused() -> None:
    with pytest.raises(VectorError, match="has 32 dimensions, and the index 64"):
        train_index(SAMPLE, a_choice("IVF32,Flat", 3000, 64))
