"""Fifty thousand vectors and what is nearest to five hundred others, made once."""

from collections.abc import Iterator

import pytest

from storage.index.kinds import FAISS
from storage.index.vectors import Vectors
from tests.storage.index.making import Nearest, brute_force, clustered

DIMENSION = 64


@pytest.fixture(scope="session")
def base() -> Vectors:
    return clustered(50_000, DIMENSION, seed=1)


@pytest.fixture(scope="session")
def queries() -> Vectors:
    return clustered(500, DIMENSION, seed=2)


@pytest.fixture(scope="session")
def truth(base: Vectors, queries: Vectors) -> Nearest:
    return brute_force(base, queries, 100)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on busy processors take many times as long as one alone."""
    threads = FAISS.omp_get_max_threads()
    FAISS.omp_set_num_threads(1)
    yield
    FAISS.omp_set_num_threads(threads)
