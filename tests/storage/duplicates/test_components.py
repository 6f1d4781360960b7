import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.duplicates.components import Components
from tests.oracles.components import components


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[list[tuple[int, int]]]]:
    count = draw(st.integers(1, 40))
    node = st.integers(0, count - 1)
    batches = draw(st.lists(st.lists(st.tuples(node, node), max_size=30), max_size=5))
    return count, batches


@given(graphs())
def test_components_are_those_of_a_breadth_first_search(
    graph: tuple[int, list[list[tuple[int, int]]]],
) -> None:
    count, batches = graph
    found = Components(count)
    edges: list[tuple[int, int]] = []
    for batch in batches:
        first, second = (np.array([pair[at] for pair in batch], np.int32) for at in (0, 1))
        found.join(first, second)
        edges += batch
        assert found.all_roots().tolist() == components(count, edges)


@pytest.mark.parametrize("order", ["up", "down", "mixed"])
def test_a_long_chain_is_one_component(order: str) -> None:
    count = 200_000
    first = np.arange(count - 1, dtype=np.int32)
    if order == "down":
        first = first[::-1].copy()
    if order == "mixed":
        first = np.random.default_rng(1).permutation(first)
    found = Components(count)
    for part in np.array_split(first, 7):
        found.join(part, part + 1)
    assert not found.all_roots().any()
