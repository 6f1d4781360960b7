"""Tiny checkpoints of chat families that scale pictures to one size, or cut them into tiles."""

from transformers import (
    CLIPImageProcessor,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
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


def build_gemma3(folder: str) -> None:
    """Four tokens a picture, which see each other in both directions."""
    tokenizer = make_tokenizer(
        {
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        }
    )
    model = Gemma3ForConditionalGeneration(
        Gemma3Config(
            text_config={
                **text_settings(tokenizer),
                "head_dim": 8,
                "query_pre_attn_scalar": 8,
                "sliding_window": 64,
            },
            vision_config={"model_type": "siglip_vision_model", **vision_settings()},
            mm_tokens_per_image=4,
            image_token_index=tokenizer.convert_tokens_to_ids("<image_soft_token>"),
            boi_token_index=tokenizer.convert_tokens_to_ids("<start_of_image>"),
            eoi_token_index=tokenizer.convert_tokens_to_ids("<end_of_image>"),
        )
    )
    scale_weights(model, 4.0)
    # Zero as initialised: pictures would be no matter.
    model.model.multi_modal_projector.mm_input_projection_weight.data.normal_()
    processor = Gemma3Processor(
        Gemma3ImageProcessor(size={"height": 32, "width": 32}, image_seq_length=4),
        tokenizer,
        chat_template=chat_template("<start_of_image>"),
        image_seq_length=4,
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
