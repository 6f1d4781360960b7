"""What the tiny checkpoints of all families are made of."""

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

WORDS = [f"word{number}" for number in range(40)]
WORDS += ["user", "assistant", ":", "what", "colour", "is", "the", "big", "thing", "in", "this"]
WORDS += ["picture", "describe", "it"]

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message.role }} : {% for part in message.content %}"
    "{% if part.type == 'image' %}PICTURE{% else %}{{ part.text }}{% endif %}"
    "{% endfor %} {% endfor %}{% if add_generation_prompt %}assistant :{% endif %}"
)


def chat_template(picture: str) -> str:
    """A chat template that writes ``picture`` for each picture."""
    return CHAT_TEMPLATE.replace("PICTURE", picture + " ")


def make_tokenizer(
    named: dict[str, str] | None = None, tokens: Sequence[str] = (), **options: Any
) -> Any:
    """A tokenizer of whole words, padding on the right as tokenizers do unless told otherwise.

    Args:
        named: special tokens by attribute name.
        tokens: further special tokens.
        options: of the tokenizer.
    """
    special = ["<pad>", "<s>", "</s>", "<unk>", *(named or {}).values(), *tokens]
    vocabulary = {token: number for number, token in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        extra_special_tokens=named or {},
        **options,
    )


def text_settings(tokenizer: Any, **more: Any) -> dict[str, Any]:
    """Settings of a small language model for a tokenizer."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 512,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        **more,
    }


def vision_settings(**more: Any) -> dict[str, Any]:
    """Settings of a small vision transformer for pictures of 32 pixels."""
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
        **more,
    }


def scale_weights(model: torch.nn.Module, factor: float) -> None:
    """Scale matrices up: as initialised, some families hardly look at the picture."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(factor)


def save(folder: str, model: Any, processor: Any) -> None:
    """Write a checkpoint as any checkpoint is written.

    Its generation config forbids special tokens: left to chance, a text may be made of them alone.
    """
    added = processor.tokenizer.added_tokens_decoder
    model.generation_config.suppress_tokens = [
        number for number, token in added.items() if token.special
    ]
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
