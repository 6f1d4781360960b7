"""Tiny checkpoints of chat families whose pictures come as continuous features."""

from transformers import (
    CLIPImageProcessor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

from tests.models.checkpoints.parts import (
    chat_template,
    make_tokenizer,
    save,
    scale_weights,
    text_settings,
    vision_settings,
)


def build_llava(folder: str) -> None:
    """CLIP features of 4 x 4 patches."""
    tokenizer = make_tokenizer({"image_token": "<image>"})
    image = tokenizer.convert_tokens_to_ids("<image>")
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config={"model_type": "clip_vision_model", **vision_settings()},
            text_config={"model_type": "llama", **text_settings(tokenizer)},
            image_token_index=image,
        )
    )
    scale_weights(model, 4.0)
    processor = LlavaProcessor(  # type: ignore[no-untyped-call]
        CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template("<image>"),
    )
    save(folder, model, processor)


def build_qwen2_vl(folder: str) -> None:
    """Pictures keep their proportions: the number of tokens depends on the size."""
    named = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "vision_start_token": "<|vision_start|>",
        "vision_end_token": "<|vision_end|>",
    }
    tokenizer = make_tokenizer(named)
    ids = {f"{name}_id": tokenizer.convert_tokens_to_ids(text) for name, text in named.items()}
    text = text_settings(
        tokenizer, rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2]}
    )
    model = Qwen2VLForConditionalGeneration(
        Qwen2VLConfig(
            text_config=text,
            vision_config={
                "depth": 2,
                "embed_dim": 32,
                "hidden_size": 32,
                "num_heads": 4,
                "patch_size": 8,
                "mlp_ratio": 2,
            },
            **ids,
        )
    )
    scale_weights(model, 4.0)
    size = {"shortest_edge": 256, "longest_edge": 4096}
    processor = Qwen2VLProcessor(  # type: ignore[no-untyped-call]
        Qwen2VLImageProcessor(size=size, patch_size=8),
        tokenizer,
        Qwen2VLVideoProcessor(size=size, patch_size=8),
        chat_template=chat_template("<|vision_start|><|image_pad|><|vision_end|>"),
    )
    save(folder, model, processor)


_TILES = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
_IDEFICS_TOKENS = {
    "image_token": "<image>",
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
    "end_of_utterance_token": "<end_of_utterance>",
}


def build_idefics3(folder: str) -> None:
    """Pictures are cut into tiles, each of which becomes 4 tokens."""
    tokenizer = make_tokenizer(_IDEFICS_TOKENS, _TILES)
    model = Idefics3ForConditionalGeneration(
        Idefics3Config(
            vision_config=vision_settings(),
            text_config={"model_type": "llama", **text_settings(tokenizer)},
            image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
            scale_factor=2,
        )
    )
    scale_weights(model, 4.0)
    processor = Idefics3Processor(
        Idefics3ImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32}),
        tokenizer,
        image_seq_len=4,
        chat_template=chat_template("<image>"),
    )
    save(folder, model, processor)


def build_smolvlm(folder: str) -> None:
    """As Idefics3, with a video processor."""
    tokenizer = make_tokenizer(_IDEFICS_TOKENS, _TILES)
    model = SmolVLMForConditionalGeneration(
        SmolVLMConfig(
            vision_config=vision_settings(),
            text_config={"model_type": "llama", **text_settings(tokenizer)},
            image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
            scale_factor=2,
        )
    )
    scale_weights(model, 4.0)
    processor = SmolVLMProcessor(
        SmolVLMImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32}),
        tokenizer,
        SmolVLMVideoProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32}),
        image_seq_len=4,
        chat_template=chat_template("<image>"),
    )
    save(folder, model, processor)
