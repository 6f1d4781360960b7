"""Random tokenized texts, with few different words so that n-grams meet."""

from hypothesis import strategies as st

WORDS = st.sampled_from(["a", "b", "c", "d", "çà", "犬", "😀", "e\u0301", "\u200d", "1/2"])
TEXTS = st.lists(WORDS, max_size=9).map(" ".join)
ROWS = st.lists(st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=4)), min_size=1, max_size=8)
"""Rows of a candidate and its references."""
