"""Tiny checkpoints of families that take a plain prompt."""

from collections.abc import Callable
from typing import Any

from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessor,
    CLIPImageProcessor,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PaliGemmaProcessor,
    SiglipImageProcessor,
)

from tests.models.checkpoints.parts import (
    make_tokenizer,
    save,
    scale_weights,
    text_settings,
    vision_settings,
)

_SQUARE = {"height": 32, "width": 32}


def build_paligemma(folder: str) -> None:
    """A prefix model: picture and prompt see each other in both directions."""
    tokenizer = make_tokenizer({"image_token": "<image>"})
    images = SiglipImageProcessor(size=_SQUARE)
    images.image_seq_length = 16  # type: ignore[attr-defined]
    # The processor adds 1152 tokens for places and masks.
    processor = PaliGemmaProcessor(images, tokenizer)  # type: ignore[no-untyped-call]
    model = PaliGemmaForConditionalGeneration(
        PaliGemmaConfig(
            vision_config={
                "model_type": "siglip_vision_model",
                "projection_dim": 32,
                **vision_settings(),
            },
            text_config={"model_type": "gemma", "head_dim": 8, **text_settings(tokenizer)},
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            vocab_size=len(tokenizer),
            projection_dim=32,
            hidden_size=32,
        )
    )
    scale_weights(model, 4.0)
    save(folder, model, processor)


_QFORMER = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "encoder_hidden_size": 32,
    "cross_attention_frequency": 1,
    "max_position_embeddings": 128,
}


def _opt_settings(tokenizer: Any) -> dict[str, Any]:
    return text_settings(
        tokenizer, model_type="opt", ffn_dim=64, word_embed_proj_dim=32, dropout=0.0
    )


def _t5_settings(tokenizer: Any) -> dict[str, Any]:
    return {
        "model_type": "t5",
        "vocab_size": len(tokenizer),
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_heads": 4,
        "decoder_start_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "dropout_rate": 0.0,
    }


def _build_with_qformer(
    folder: str,
    classes: tuple[Any, Any, Any],
    text_settings_of: Callable[[Any], dict[str, Any]],
    *qformer_tokenizer: Any,
) -> None:
    config_class, model_class, processor_class = classes
    # The placeholder has no name here: the processor expects to add it by itself.
    tokenizer = make_tokenizer(tokens=["<image>"])
    model = model_class(
        config_class(
            vision_config=vision_settings(initializer_range=0.02),
            qformer_config=_QFORMER,
            text_config=text_settings_of(tokenizer),
            num_query_tokens=4,
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        )
    )
    model.query_tokens.data.normal_()
    scale_weights(model, 4.0)
    images = BlipImageProcessor(size=_SQUARE)
    processor = processor_class(images, tokenizer, *qformer_tokenizer, num_query_tokens=4)
    save(folder, model, processor)


_BLIP_2 = (Blip2Config, Blip2ForConditionalGeneration, Blip2Processor)
_INSTRUCTBLIP = (
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
)


def build_blip_2(folder: str) -> None:
    """Four query tokens stand for a picture, before an OPT language model."""
    _build_with_qformer(folder, _BLIP_2, _opt_settings)


def build_blip_2_t5(folder: str) -> None:
    """Four query tokens stand for a picture, in the encoder of a T5 language model."""
    _build_with_qformer(folder, _BLIP_2, _t5_settings)


def build_instructblip(folder: str) -> None:
    """As BLIP-2, with the prompt given to the Q-Former too."""
    _build_with_qformer(folder, _INSTRUCTBLIP, _opt_settings, make_tokenizer())


def build_instructblip_t5(folder: str) -> None:
    """As BLIP-2 with T5, with the prompt given to the Q-Former too."""
    _build_with_qformer(folder, _INSTRUCTBLIP, _t5_settings, make_tokenizer())


def build_florence2(folder: str) -> None:
    """An encoder and a decoder of BART's kind behind a DaViT vision tower."""
    tokenizer = make_tokenizer({"image_token": "<image>"})
    images = CLIPImageProcessor(size=_SQUARE, do_center_crop=False)
    # A grid of 1 x 1 after four stages of stride 32 in all, and its mean.
    images.image_seq_length = 2  # type: ignore[attr-defined]
    model = Florence2ForConditionalGeneration(
        Florence2Config(
            vision_config={
                "depths": (1, 1, 1, 1),
                "embed_dim": (16, 16, 32, 32),
                "num_heads": (2, 2, 4, 4),
                "num_groups": (2, 2, 4, 4),
                "window_size": 4,
                "projection_dim": 32,
                "drop_path_rate": 0.0,
            },
            text_config={
                "model_type": "bart",
                "vocab_size": len(tokenizer),
                "d_model": 32,
                "encoder_layers": 2,
                "decoder_layers": 2,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "encoder_ffn_dim": 64,
                "decoder_ffn_dim": 64,
                "max_position_embeddings": 128,
                "pad_token_id": 0,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "decoder_start_token_id": 2,
                "forced_eos_token_id": None,
            },
            image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        )
    )
    scale_weights(model, 8.0)
    save(folder, model, Florence2Processor(images, tokenizer))
