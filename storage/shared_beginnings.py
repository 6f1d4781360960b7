"""Documents that begin alike, laid out so that what they begin with is there once.

Questions about one picture are documents that begin with the same codes, of which there are many
more than there are tokens in a question. In one sequence the picture stands once, and behind it
what is told of it, each part as if it stood right behind the picture and nothing else were there.
What is learnt is the same; the weights that documents give to the tokens of the picture add up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.packing import pack
from storage.sequences import Sequence, Sequences

_Tokens = NDArray[np.int32]
_Weights = NDArray[np.float32]


@dataclass(slots=True, eq=False)
class _Tree:
    """Documents with one beginning."""

    beginning: _Tokens
    weights: _Weights
    ends: list[tuple[_Tokens, _Weights]]
    length: int


def share_beginnings(sequences: Sequences) -> list[Sequence]:
    """Lay a row group's documents out anew, with those that begin alike together."""
    trees: list[_Tree] = []
    open_trees: dict[bytes, _Tree] = {}
    lengths = iter(sequences.beginnings.tolist())
    context = sequences.context
    for sequence in map(sequences.__getitem__, range(len(sequences))):
        ends = [*sequence.starts[1:].tolist(), len(sequence)]
        for start, end in zip(sequence.starts.tolist(), ends, strict=True):
            cut = start + next(lengths)
            beginning, weights = sequence.tokens[start:cut], sequence.weights[start:cut]
            rest = sequence.tokens[cut:end], sequence.weights[cut:end]
            name = beginning.tobytes()
            tree = open_trees.get(name) if name else None
            if tree is None or tree.length + end - cut > context:
                tree = _Tree(beginning, np.zeros_like(weights), [], cut - start)
                trees.append(tree)
                open_trees[name] = tree
            tree.weights = tree.weights + weights
            tree.ends.append(rest)
            tree.length += end - cut
    packed: dict[int, list[tuple[int, _Tree]]] = {}
    for tree, place in zip(trees, pack([tree.length for tree in trees], context), strict=True):
        packed.setdefault(place.sequence, []).append((place.start, tree))
    return [
        _sequence([tree for _, tree in sorted(some, key=lambda one: one[0])])
        for some in packed.values()
    ]


def _sequence(trees: list[_Tree]) -> Sequence:
    tokens: list[_Tokens] = []
    weights: list[_Weights] = []
    starts: list[int] = []
    stems: list[int] = []
    at = 0
    for tree in trees:
        if len(tree.ends) == 1:
            (rest,) = tree.ends
            parts = [(np.append(tree.beginning, rest[0]), np.append(tree.weights, rest[1]))]
        else:
            parts = [(tree.beginning, tree.weights), *tree.ends]
        stem = len(starts)
        for number, (ids, worth) in enumerate(parts):
            stems.append(stem if number else -1)
            starts.append(at)
            tokens.append(ids)
            weights.append(worth)
            at += len(ids)
    return Sequence(
        tokens=np.concatenate(tokens).astype(np.int32),
        weights=np.concatenate(weights).astype(np.float32),
        starts=np.array(starts, np.int64),
        stems=np.array(stems, np.int64),
    )
