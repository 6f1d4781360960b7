"""Asking by infilling, as the CM3 objective trains it (arXiv 2201.07520). Imports no torch.

A span of a document's text is cut out, a sentinel stands in its place, and the model writes the
span at the document's end. A picture that stands behind its text is then described by filling in
the text (arXiv 2309.02591, section 3.1): ``Image of <mask>: [image] <infill>``.
"""

from collections.abc import Container
from dataclasses import dataclass

from models.files import model_file
from models.folder import read_json
from models.source import ModelSource
from schemas.errors import ModelError, UsageError

MASK = "<mask>"
"""Where in a prompt the model is to fill in text."""

INFILL = "<infill>"
"""Stands before what is filled in, at a document's end."""

NUMBERED_MASK = "<mask:{}>"
"""How vocabularies write masks that are told apart by a number, from 0."""

_FIRST = NUMBERED_MASK.format(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentinels:
    """A vocabulary's own tokens for infilling.

    Attributes:
        mask: stands for the span that was cut out.
        begin: stands before that span at the document's end; it names the mask again where masks
            are numbered.

    """

    mask: str
    begin: str

    def write(self, prompt: str, pictures: str) -> str:
        """Write a prompt that holds :data:`MASK`, up to where the model fills in.

        Args:
            prompt: what is asked, pictures apart.
            pictures: what stands for the pictures.

        """
        return f"{prompt.replace(MASK, self.mask)}{pictures}{self.begin}"


def sentinels_of(vocabulary: Container[str]) -> Sentinels | None:
    """A vocabulary's sentinels; None where it was not made for infilling."""
    if INFILL not in vocabulary:
        return None
    if _FIRST in vocabulary:
        return Sentinels(mask=_FIRST, begin=f"{INFILL}{_FIRST}")
    return Sentinels(mask=MASK, begin=INFILL) if MASK in vocabulary else None


def check_infills(source: ModelSource, prompt: str) -> None:
    """Refuse a prompt that asks for infilling where the model cannot, before a model is loaded.

    Raises:
        ModelError: the model's vocabulary has no sentinels.
        UsageError: the prompt has several masks.

    """
    if MASK not in prompt:
        return
    if prompt.count(MASK) > 1:
        raise UsageError(f"The prompt may hold {MASK} once: one text is filled in.")
    path = model_file(source, "tokenizer.json")
    # Of a tokenizer in other files, its rows tell.
    if path is None:
        return
    read = read_json(path)
    added = {str(token.get("content")) for token in read.get("added_tokens", ())}
    if sentinels_of(added) is None:
        raise ModelError(no_sentinels(source.name))


def no_sentinels(model: str) -> str:
    """Why a model cannot be asked to fill in, and what to do."""
    return (
        f"The prompt asks to fill in {MASK}, but the model {model} was not made for infilling: its "
        f"vocabulary lacks {INFILL} or a mask. Leave {MASK} out, or choose a model trained with "
        "the CM3 objective, such as calumma-tiny."
    )
