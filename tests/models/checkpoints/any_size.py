"""Tiny checkpoints of chat families whose number of tokens depends on the picture's size."""

from typing import Any

from transformers import (
    LlavaConfig,
    LlavaForConditionalGeneration,
    PixtralImageProcessor,
    PixtralProcessor,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from tests.models.checkpoints.parts import (
    chat_template,
    make_tokenizer,
    save,
    scale_weights,
    text_settings,
    vision_settings,
)

_NAMED = {
    "image_token": "<|image_pad|>",
    "video_token": "<|video_pad|>",
    "vision_start_token": "<|vision_start|>",
    "vision_end_token": "<|vision_end|>",
}
_SIZE = {"shortest_edge": 256, "longest_edge": 4096}


def _build_qwen(
    folder: str,
    classes: tuple[Any, Any, Any, Any],
    vision: dict[str, Any],
    sections: list[int],
    **text: Any,
) -> None:
    config_class, model_class, processor_class, video_class = classes
    tokenizer = make_tokenizer(_NAMED)
    ids = {f"{name}_id": tokenizer.convert_tokens_to_ids(token) for name, token in _NAMED.items()}
    rope = {"rope_type": "default", "mrope_section": sections}
    model = model_class(
        config_class(
            text_config=text_settings(tokenizer, rope_parameters=rope, **text),
            vision_config={"depth": 2, "hidden_size": 32, "num_heads": 4, "patch_size": 8} | vision,
            **ids,
        )
    )
    scale_weights(model, 4.0)
    processor = processor_class(
        Qwen2VLImageProcessor(size=_SIZE, patch_size=8),
        tokenizer,
        video_class(size=_SIZE, patch_size=8),
        chat_template=chat_template("<|vision_start|><|image_pad|><|vision_end|>"),
    )
    save(folder, model, processor)


def build_qwen2_vl(folder: str) -> None:
    """Pictures keep their proportions."""
    _build_qwen(
        folder,
        (Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor, Qwen2VLVideoProcessor),
        {"embed_dim": 32, "mlp_ratio": 2},
        [1, 1, 2],
    )


def build_qwen2_5_vl(folder: str) -> None:
    """As Qwen2-VL, with attention in windows."""
    _build_qwen(
        folder,
        (
            Qwen2_5_VLConfig,
            Qwen2_5_VLForConditionalGeneration,
            Qwen2_5_VLProcessor,
            Qwen2VLVideoProcessor,
        ),
        {
            "intermediate_size": 64,
            "out_hidden_size": 32,
            "window_size": 32,
            "fullatt_block_indexes": [1],
        },
        [1, 1, 2],
    )


def build_qwen3_vl(folder: str) -> None:
    """As Qwen2-VL, with features of the picture given to several layers."""
    _build_qwen(
        folder,
        (Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor, Qwen3VLVideoProcessor),
        {
            "intermediate_size": 64,
            "out_hidden_size": 32,
            "deepstack_visual_indexes": [0],
            "num_position_embeddings": 64,
        },
        [2, 1, 1],
        head_dim=8,
    )


def build_pixtral(folder: str) -> None:
    """A token ends each row of patches, and another the picture."""
    tokenizer = make_tokenizer(
        {
            "image_token": "[IMG]",
            "image_break_token": "[IMG_BREAK]",
            "image_end_token": "[IMG_END]",
        }
    )
    vision = vision_settings(model_type="pixtral", image_size=64, head_dim=8)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=vision,
            text_config={"model_type": "mistral", **text_settings(tokenizer)},
            image_token_index=tokenizer.convert_tokens_to_ids("[IMG]"),
            vision_feature_select_strategy="full",
            vision_feature_layer=-1,
        )
    )
    scale_weights(model, 4.0)
    processor = PixtralProcessor(
        PixtralImageProcessor(size={"longest_edge": 64}, patch_size=8),
        tokenizer,
        patch_size=8,
        chat_template=chat_template("[IMG]"),
    )
    save(folder, model, processor)
