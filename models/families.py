"""What the families of models need that the library does not tell. Imports no torch.

Each entry was found by running a small checkpoint of the family: see tests/models.
"""

from dataclasses import dataclass
from enum import Enum


class PromptStyle(Enum):
    """How pictures enter a prompt."""

    CHAT = "chat"
    """The chat template puts them; placeholders before the prompt where there is none."""
    PLACEHOLDERS = "placeholders"
    """Placeholders are typed before the prompt; a chat template, if any, is not used."""
    IMPLICIT = "implicit"
    """The processor adds the one picture by itself; a second one is ignored or refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How one family is run.

    Attributes:
        same_size_batches: pictures of different sizes may not share a batch, for padding would
            change their codes.
        qformer_text: the prompt goes to a Q-Former too, whose text must be padded right.
        query_tokens: the processor must know how many query tokens stand for a picture, or the
            picture is ignored.
        separator: the processor ends the prompt in the tokenizer's separator.
        plain_generate: the model's own ``generate`` loses logits processors: go around it.
        lists_from_processor: the processor fails, or warns, where it is asked for tensors of text.
        image_backend: how the processor resizes pictures, where it knows one way only.
        float32_modules: modules kept in float32 with their pixels: in bfloat16 a VQ tokenizer
            gives other codes.

    """

    style: PromptStyle = PromptStyle.CHAT
    same_size_batches: bool = False
    qformer_text: bool = False
    query_tokens: bool = False
    separator: bool = False
    plain_generate: bool = False
    lists_from_processor: bool = False
    image_backend: str | None = None
    float32_modules: tuple[str, ...] = ()


_FAMILIES = {
    "chameleon": Family(
        style=PromptStyle.PLACEHOLDERS, separator=True, float32_modules=("vqmodel",)
    ),
    "paligemma": Family(style=PromptStyle.PLACEHOLDERS, lists_from_processor=True),
    "blip": Family(style=PromptStyle.IMPLICIT),
    "blip-2": Family(style=PromptStyle.IMPLICIT, query_tokens=True),
    "instructblip": Family(style=PromptStyle.IMPLICIT, query_tokens=True, qformer_text=True),
    "florence2": Family(style=PromptStyle.IMPLICIT),
    "janus": Family(plain_generate=True),
    "emu3": Family(same_size_batches=True, image_backend="pil", float32_modules=("vqmodel",)),
}


def family_of(model_type: str) -> Family:
    """How models of a type are run; types that are not listed are run as chat models."""
    return _FAMILIES.get(model_type, Family())
