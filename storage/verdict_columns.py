"""Columns of the table of verdicts as numbers, a batch at a time."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.verdict import Rule
from storage.keys import Words

RULES = tuple(rule.value for rule in Rule)
"""The names of all rules: the place of each is that of its bit."""


def key_words(keys: "pa.Array[Any] | pa.ChunkedArray[Any]") -> Words:
    """Keys in hexadecimal digits as words: uint64 array of shape (rows, 2)."""
    digits = bytes.fromhex("".join(map(str, keys.to_pylist())))
    return np.frombuffer(digits, ">u8").astype(np.uint64).reshape(-1, 2)


def rule_bits(names: Any) -> NDArray[np.uint16]:
    """Lists of rules as bits, the vocabulary's first the lowest: uint16 array of shape (rows,)."""
    bits = np.zeros(len(names), np.uint16)
    numbers = pc.index_in(pc.list_flatten(names), value_set=pa.array(RULES)).to_numpy()
    rows = pc.list_parent_indices(names).to_numpy()
    np.bitwise_or.at(bits, rows, np.left_shift(1, numbers).astype(np.uint16))
    return bits


def has_rule(bits: NDArray[np.uint16], name: str) -> NDArray[np.bool_]:
    """Which rows' lists name a rule: bool array of shape (rows,)."""
    found: NDArray[np.bool_] = (bits >> RULES.index(name) & 1).astype(bool)
    return found
