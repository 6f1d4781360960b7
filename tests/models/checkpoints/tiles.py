"""Tiny checkpoints of chat families that cut a picture into as many tiles as its size asks for."""

import torch
from transformers import (
    GotOcr2ImageProcessor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
    MllamaConfig,
    MllamaForConditionalGeneration,
    MllamaImageProcessor,
    MllamaProcessor,
)

from tests.models.checkpoints.parts import (
    chat_template,
    make_tokenizer,
    save,
    scale_weights,
    text_settings,
    vision_settings,
)

_SQUARE = {"height": 32, "width": 32}


def build_internvl(folder: str) -> None:
    """Its processor asks for tiles, though the settings of its image processor do not."""
    tokenizer = make_tokenizer(
        {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        }
    )
    vision = vision_settings(image_size=[32, 32], patch_size=[8, 8])
    model = InternVLForConditionalGeneration(
        InternVLConfig(
            text_config={"model_type": "llama", **text_settings(tokenizer)},
            vision_config=vision,
            image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        )
    )
    scale_weights(model, 4.0)
    processor = InternVLProcessor(
        GotOcr2ImageProcessor(size=_SQUARE),
        tokenizer,
        InternVLVideoProcessor(size=_SQUARE),
        image_seq_length=4,
        chat_template=chat_template("<IMG_CONTEXT>"),
    )
    save(folder, model, processor)


def build_llava_next(folder: str) -> None:
    """Tiles for the grid that fits best, and the whole picture."""
    tokenizer = make_tokenizer({"image_token": "<image>"})
    grids = [[32, 64], [64, 32], [64, 64]]
    model = LlavaNextForConditionalGeneration(
        LlavaNextConfig(
            vision_config={"model_type": "clip_vision_model", **vision_settings()},
            text_config={"model_type": "llama", **text_settings(tokenizer)},
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            image_grid_pinpoints=grids,
        )
    )
    scale_weights(model, 4.0)
    processor = LlavaNextProcessor(  # type: ignore[no-untyped-call]
        LlavaNextImageProcessor(
            size={"shortest_edge": 32}, crop_size=_SQUARE, image_grid_pinpoints=grids
        ),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template("<image>"),
    )
    save(folder, model, processor)


def build_mllama(folder: str) -> None:
    """Some layers of the language model attend to the tiles."""
    tokenizer = make_tokenizer({"image_token": "<|image|>"})
    grids = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
    model = MllamaForConditionalGeneration(
        MllamaConfig(
            vision_config={
                "hidden_size": 32,
                "attention_heads": 4,
                "num_hidden_layers": 2,
                "num_global_layers": 1,
                "intermediate_size": 64,
                "vision_output_dim": 64,
                "image_size": 32,
                "patch_size": 8,
                "max_num_tiles": 4,
                "intermediate_layers_indices": [0],
                "supported_aspect_ratios": grids,
            },
            text_config={
                **text_settings(tokenizer),
                "num_hidden_layers": 3,
                "cross_attention_layers": [1],
            },
            image_token_index=tokenizer.convert_tokens_to_ids("<|image|>"),
        )
    )
    scale_weights(model, 4.0)
    with torch.no_grad():
        # The gates of these layers, which begin shut.
        for parameter in model.parameters():
            if parameter.numel() == 1:
                parameter.fill_(1.0)
    processor = MllamaProcessor(  # type: ignore[no-untyped-call]
        MllamaImageProcessor(size=_SQUARE, max_image_tiles=4),
        tokenizer,
        chat_template=chat_template("<|image|>"),
    )
    save(folder, model, processor)
