"""Picking neighbours: as the paper's rules written out plainly, and what each rule leaves out."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from tests.oracles.neighbor_filters import Document, pick
from transforms.filter_neighbors import (
    Candidates,
    FilterSettings,
    draw_neighbor_count,
    drop_tokens,
    drop_words,
    filter_neighbors,
)

# Quarters, so that float32 computes their products exactly and thresholds are met exactly.
quarters = st.integers(-4, 4).map(lambda n: n / 4)
vectors = st.tuples(quarters, quarters, quarters)
documents = st.builds(
    Document,
    id=st.sampled_from([*"abcdefgh"]),
    score=quarters,
    vector=vectors,
    modality=st.sampled_from(["image", "text", "both"]),
)
thresholds = st.none() | st.sampled_from([-0.5, 0.0, 0.25, 0.5, 0.75, 1.0])
settings_drawn = st.builds(
    FilterSettings,
    k=st.integers(0, 5),
    min_score=thresholds,
    max_similarity=thresholds,
    prefer_both=st.booleans(),
    drop_self=st.booleans(),
)


def candidates_of(ranked: list[Document]) -> Candidates:
    return Candidates(
        ids=[document.id for document in ranked],
        scores=[document.score for document in ranked],
        vectors=np.array([document.vector for document in ranked], np.float32).reshape(-1, 3),
        modalities=[document.modality for document in ranked],  # type: ignore[misc]
    )


@given(ranked=st.lists(documents, max_size=12), query=vectors, settings=settings_drawn)
def test_what_is_kept_is_what_the_paper_keeps(
    ranked: list[Document], query: tuple[float, ...], settings: FilterSettings
) -> None:
    ranked = sorted(ranked, key=lambda document: -document.score)
    found = filter_neighbors("a", np.array(query, np.float32), candidates_of(ranked), settings)
    expected = pick(
        "a",
        query,
        ranked,
        k=settings.k,
        min_score=settings.min_score,
        max_similarity=settings.max_similarity,
        prefer_both=settings.prefer_both,
        drop_self=settings.drop_self,
    )
    assert [ranked[at] for at in found.kept] == expected
    assert {at for at, verdict in enumerate(found.verdicts) if verdict == "kept"} == set(found.kept)
    assert len(found.verdicts) == len(ranked)


def test_each_candidate_is_told_why_it_was_left_out() -> None:
    ranked = [
        Document("me", 1.0, (1, 0, 0), "both"),
        Document("copy", 0.99, (0.99, 0.1, 0), "both"),
        Document("picture", 0.8, (0.6, 0.8, 0), "image"),
        Document("first", 0.7, (0.7, 0, 0.714), "both"),
        Document("again", 0.7, (0.7, 0.02, 0.713), "both"),
        Document("far", 0.1, (0.1, 0.5, 0.86), "both"),
        Document("late", 0.5, (0.5, -0.86, 0), "text"),
    ]
    query = np.array([1, 0, 0], np.float32)
    settings = FilterSettings(k=2, min_score=0.2)
    found = filter_neighbors("me", query, candidates_of(ranked), settings)
    assert [ranked[at].id for at in found.kept] == ["first", "picture"]
    assert found.verdicts == (
        "itself", "like_query", "kept", "kept", "like_kept", "irrelevant", "not_needed"
    )  # fmt: skip


def test_nothing_found_is_nothing_kept() -> None:
    found = filter_neighbors("a", np.zeros(3, np.float32), candidates_of([]), FilterSettings())
    assert (found.kept, found.verdicts) == ((), ())


def test_a_negative_number_of_neighbours_is_refused() -> None:
    with pytest.raises(UsageError, match="0 or more, not -1"):
        FilterSettings(k=-1)


def test_zero_one_and_two_neighbours_are_as_likely() -> None:
    drawn = Counter(draw_neighbor_count(f"{row:032x}") for row in range(9000))
    assert set(drawn) == {0, 1, 2}
    assert all(2850 < count < 3150 for count in drawn.values())
    assert draw_neighbor_count("key") == draw_neighbor_count("key")


@given(tokens=st.lists(st.integers(), max_size=40), key=st.text(max_size=8))
def test_dropping_keeps_order_and_about_a_fifth_goes(tokens: list[int], key: str) -> None:
    numbered = list(enumerate(tokens))
    left = drop_tokens(numbered, key)
    assert left == sorted(left)
    assert set(left) <= set(numbered)
    dropped = len(numbered) - len(left)
    assert len(numbered) // 5 <= dropped <= len(numbered) // 5 + 1 or len(numbered) < 2
    assert bool(left) == bool(numbered)
    assert drop_tokens(numbered, key) == left


def test_a_fifth_of_the_words_is_dropped_on_average_wherever_they_stand() -> None:
    words = ["a", "small", "red", "lizard", "sits", "on", "its", "leaf"]
    left = Counter(
        word for row in range(5000) for word in drop_words(" ".join(words), str(row)).split()
    )
    assert all(0.77 < left[word] / 5000 < 0.83 for word in words)


def test_a_share_of_none_and_of_all() -> None:
    assert drop_words("two  words", "key", share=0) == "two words"
    assert drop_words("two words", "key", share=1) in {"two", "words"}
    assert drop_words("", "key") == ""
    with pytest.raises(UsageError, match=r"from 0 to 1, not 1\.5"):
        drop_words("two words", "key", share=1.5)
