"""Which token of a vocabulary stands for which code of the image tokenizer."""

from collections.abc import Mapping

from schemas.errors import ModelError


def code_tokens(model: str, ids: Mapping[int, int], codebook_size: int) -> list[int]:
    """The token id of each code, in the codes' order.

    Args:
        model: its name.
        ids: token ids by code, as the library reads them from a config's ``vocabulary_map``.
        codebook_size: how many codes the tokenizer has.

    Raises:
        ModelError: there are others.

    """
    if sorted(ids) != list(range(codebook_size)):
        raise ModelError(
            f"The vocabulary of the model {model} has {len(ids)} tokens for pictures, which "
            f"do not stand for the {codebook_size} codes of its tokenizer. Get the config.json "
            "that was saved with the weights (vocabulary_map)."
        )
    return [ids[code] for code in range(codebook_size)]
