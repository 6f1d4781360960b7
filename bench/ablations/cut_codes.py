"""A picture's middle, told from what is around it, or from what is before it alone."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.ablations.losses import Example, read_rows
from models.document_vocabulary import load_document_vocabulary
from models.source import resolve_model

_FIRST, _STOP = 24, 40
"""Of 64 codes, the fourth and the fifth row of eight, where most shapes are."""


def cut_codes(documents: Path, tokenizer: Path, *, infilled: bool) -> list[Example]:
    """Documents whose text stands first, the codes of the picture's middle being measured.

    Args:
        documents: with nothing cut out, and nothing retrieved.
        tokenizer: in whose vocabulary they are.
        infilled: cut the codes out and have them told at the end, as the CM3 objective does; else
            they stand where they are.

    """
    vocabulary = load_document_vocabulary(resolve_model(str(tokenizer)))
    examples = []
    for name, plain, segments in read_rows(documents):
        kinds = [one["kind"] for one in segments if one["kind"] in {"text", "image"}]
        if kinds[0] != "text":
            continue
        picture = next(one for one in segments if one["kind"] == "image")
        first, stop = picture["start"] + _FIRST, picture["start"] + _STOP
        tokens = plain
        if infilled:
            assert vocabulary.infill is not None
            assert plain[-1] == vocabulary.end
            tokens = cut(plain, first, stop, mask=vocabulary.masks[0], infill=vocabulary.infill)
            first, stop = len(tokens) - 1 - (stop - first), len(tokens) - 1
        measured = np.zeros(len(tokens), bool)
        measured[first:stop] = True
        examples.append(Example(name=name, tokens=tokens, measured=measured))
    return examples


def cut(
    tokens: NDArray[np.int32], first: int, stop: int, *, mask: int, infill: int
) -> NDArray[np.int32]:
    """Cut a span out of a document, and have it told before its end, as the CM3 objective does."""
    kept = [*tokens[:first], mask, *tokens[stop:-1]]
    return np.array([*kept, infill, mask, *tokens[first:stop], tokens[-1]], np.int32)
