"""Which token of a vocabulary stands for which code of the image tokenizer."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ModelError

_LETTERS = str.maketrans("ABCDEFGHIJ", "0123456789")


def code_tokens(model: str, vocabulary_map: Mapping[str, int]) -> NDArray[np.int64]:
    """The token id of each code, from the names in a config's ``vocabulary_map``.

    Chameleon writes code 105 as ``IMGIMGBAFZ``, its digits as letters; Emu3 as
    ``<|visual token 000105|>``.

    Returns:
        int64 array of shape (codes,).

    Raises:
        ModelError: there are no such names, or codes are missing.

    """
    by_code: dict[int, int] = {}
    for name, token in vocabulary_map.items():
        if name.startswith("IMGIMG"):
            by_code[int(name[len("IMGIMG") : -1].translate(_LETTERS))] = token
        elif name.startswith("<|visual token "):
            by_code[int(name[len("<|visual token ") : -len("|>")])] = token
    if not by_code or max(by_code) != len(by_code) - 1:
        raise ModelError(
            f"The vocabulary_map in config.json of the model {model} names {len(by_code)} codes "
            "of pictures, and not each from the first to the last, so it cannot make images. Get "
            "the config.json that was saved with the weights."
        )
    return np.array([by_code[code] for code in range(len(by_code))], dtype=np.int64)
