"""What the families of models need that the library does not tell. Imports no torch.

Each entry was found by running a small checkpoint of the family: see tests/models.
"""

from dataclasses import dataclass
from enum import Enum

from schemas.errors import ModelError

WHAT_WORKS = (
    "Use a model with a chat template that shows pictures, or one of type chameleon, paligemma, "
    "florence2, blip-2 or instructblip."
)
"""What to use instead of a model that takes no prompt."""


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
        same_size_batches: pictures that are scaled to different sizes may not share a batch, for
            padding would change their codes.
        same_count_batches: rows of different numbers of pictures may not share a batch, for a
            missing one changes the others.
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
    same_count_batches: bool = False
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
    "blip-2": Family(style=PromptStyle.IMPLICIT, query_tokens=True),
    "instructblip": Family(style=PromptStyle.IMPLICIT, query_tokens=True, qformer_text=True),
    "florence2": Family(style=PromptStyle.IMPLICIT),
    "mllama": Family(same_count_batches=True),
    "janus": Family(plain_generate=True),
    "emu3": Family(same_size_batches=True, image_backend="pil", float32_modules=("vqmodel",)),
}

# Why the models of these types, which the library loads, cannot be asked for a description.
_WITHOUT_PROMPTS = {
    "blip": "it only goes on with the beginning of a caption, whose end it cuts off",
    "git": "it only goes on with the beginning of a caption",
    "kosmos-2": "it takes pictures between tags of its own",
    "kosmos-2.5": "it reads documents, and takes no prompt but its two tags",
    "pix2struct": "it reads documents, with the prompt drawn into the picture",
    "udop": "it reads documents whose words were found before",
    "vision-encoder-decoder": "it takes a picture alone",
}


def check_takes_prompts(model: str, model_type: str) -> None:
    """Refuse a type of which it is known that no prompt can be given to it.

    Raises:
        ModelError: such a type.

    """
    reason = _WITHOUT_PROMPTS.get(model_type)
    if reason is not None:
        raise ModelError(
            f"The model {model} cannot describe pictures on request: of type {model_type}, "
            f"{reason}. {WHAT_WORKS}"
        )


def family_of(model_type: str) -> Family:
    """How models of a type are run; types that are not listed are run as chat models."""
    return _FAMILIES.get(model_type, Family())
