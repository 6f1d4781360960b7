"""A Chameleon of random weights, of any size, that describes pictures and draws them."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers import models as tokenizer_models
from transformers import (
    ChameleonConfig,
    ChameleonForConditionalGeneration,
    ChameleonImageProcessor,
    ChameleonProcessor,
    PreTrainedTokenizerFast,
)

_VOCABULARY = 65536
_CODES = 8192
# Width, width of the inner layer, layers, heads.
_SIZES = {"100M": (512, 1408, 10, 8), "1B": (2048, 5504, 16, 16)}


def write_random_chameleon(folder: Path, size: str = "100M", device: str = "cpu") -> None:
    """Write a checkpoint with the vocabulary and the codebook of the published one.

    Its pictures are of 64 x 64 pixels and 8 x 8 codes. All that are no codes are words, so that
    whatever it says is a text.

    Args:
        folder: where.
        size: ``100M`` or ``1B`` parameters.
        device: where the weights are drawn; those of the large one are bfloat16.

    """
    width, inner, layers, heads = _SIZES[size]
    codes = [
        f"IMGIMG{''.join('ABCDEFGHIJ'[int(digit)] for digit in str(code))}Z"
        for code in range(_CODES)
    ]
    named = {"image_token": "<image>", "boi_token": "<racm3:break>", "eoi_token": "<eoss>"}
    special = ["<pad>", "<s>", "</s>", "<unk>", *named.values()]
    words = [f"word{number}" for number in range(_VOCABULARY - len(special) - len(codes))]
    vocabulary = {token: number for number, token in enumerate([*special, *codes, *words])}
    fast = Tokenizer(tokenizer_models.WordLevel(vocabulary, unk_token="<unk>"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast.add_special_tokens(special)
    fast.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=fast,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        sep_token="<unk>",
        extra_special_tokens=named,
    )
    config = ChameleonConfig(
        vocab_size=_VOCABULARY,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=1024,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        vq_config={
            "resolution": 64,
            "base_channels": 32,
            "channel_multiplier": (1, 1, 1),
            "num_res_blocks": 0,
            "embed_dim": 8,
            "num_embeddings": len(codes),
            "latent_channels": 8,
        },
        vocabulary_map={name: vocabulary[name] for name in [*codes, "<image>"]},
    )
    with torch.device(device):
        model: Any = ChameleonForConditionalGeneration(config)
    pixels = {"height": 64, "width": 64}
    processor = ChameleonProcessor(
        ChameleonImageProcessor(size={"shortest_edge": 64}, crop_size=pixels),
        tokenizer,
        image_seq_length=64,
    )
    if size == "1B":
        model = model.to(torch.bfloat16)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
