"""Tiny checkpoints of families with a VQ tokenizer."""

from transformers import (
    ChameleonConfig,
    ChameleonForConditionalGeneration,
    ChameleonImageProcessor,
    ChameleonProcessor,
    Emu3Config,
    Emu3ForConditionalGeneration,
    Emu3ImageProcessor,
    Emu3Processor,
    JanusConfig,
    JanusForConditionalGeneration,
    JanusImageProcessor,
    JanusProcessor,
)

from tests.models.checkpoints.parts import (
    chat_template,
    make_tokenizer,
    save,
    scale_weights,
    text_settings,
    vision_settings,
)

_CODES = 32


def build_chameleon(folder: str) -> None:
    """8 x 8 codes a picture; a plain prompt, though it has a chat template."""
    letters = "ABCDEFGHIJ"
    codes = [
        f"IMGIMG{''.join(letters[int(digit)] for digit in str(code))}Z" for code in range(_CODES)
    ]
    tokenizer = make_tokenizer(
        {"image_token": "<image>", "boi_token": "<racm3:break>", "eoi_token": "<eoss>"},
        codes,
        sep_token="<unk>",
    )
    vocabulary = tokenizer.get_vocab()
    model = ChameleonForConditionalGeneration(
        ChameleonConfig(
            **text_settings(tokenizer),
            vq_config={
                "resolution": 64,
                "base_channels": 32,
                "channel_multiplier": (1, 1, 1, 1),
                "num_res_blocks": 0,
                "embed_dim": 8,
                "num_embeddings": _CODES,
                "latent_channels": 8,
            },
            vocabulary_map={name: vocabulary[name] for name in [*codes, "<image>"]},
        )
    )
    scale_weights(model, 4.0)
    processor = ChameleonProcessor(
        ChameleonImageProcessor(size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}),
        tokenizer,
        image_seq_length=64,
    )
    save(folder, model, processor)


def build_janus(folder: str) -> None:
    """Reads pictures by a vision tower; its VQ tokenizer is for generation."""
    tokenizer = make_tokenizer(
        {
            "image_token": "<image_placeholder>",
            "boi_token": "<begin_of_image>",
            "eoi_token": "<end_of_image>",
        }
    )
    vision = vision_settings(projection_dim=32, num_image_tokens=16, mlp_ratio=2)
    del vision["intermediate_size"]
    model = JanusForConditionalGeneration(
        JanusConfig(
            text_config={"model_type": "llama", **text_settings(tokenizer)},
            vision_config=vision,
            vq_config={
                "embed_dim": 8,
                "num_embeddings": _CODES,
                "latent_channels": 8,
                "base_channels": 32,
                "channel_multiplier": (1, 1, 1, 1),
                "num_res_blocks": 1,
                "num_patches": 4,
                "projection_dim": 32,
                "image_token_embed_dim": 32,
            },
            image_token_id=tokenizer.convert_tokens_to_ids("<image_placeholder>"),
        )
    )
    scale_weights(model, 4.0)
    processor = JanusProcessor(
        JanusImageProcessor(size={"height": 32, "width": 32}),
        tokenizer,
        chat_template=chat_template("<image_placeholder>"),
        num_image_tokens=16,
    )
    save(folder, model, processor)


def build_emu3(folder: str) -> None:
    """Pictures keep their proportions; padding one changes its codes."""
    named = {
        "image_token": "<image>",
        "boi_token": "<|image start|>",
        "eoi_token": "<|image end|>",
        "image_wrapper_token": "<|image token|>",
        "eof_token": "<|extra_201|>",
        "eol_token": "<|extra_200|>",
    }
    codes = [f"<|visual token {code:06d}|>" for code in range(_CODES)]
    tokenizer = make_tokenizer(named, codes)
    vocabulary = tokenizer.get_vocab()
    model = Emu3ForConditionalGeneration(
        Emu3Config(
            text_config=text_settings(tokenizer, attention_dropout=0.0),
            vq_config={
                "codebook_size": _CODES,
                "embed_dim": 4,
                "latent_channels": 4,
                "base_channels": 32,
                "channel_multiplier": (1, 1, 1, 1),
                "num_res_blocks": 1,
                "attn_resolutions": (),
                "hidden_size": 32,
                "temporal_downsample_factor": 1,
            },
            vocabulary_map={name: vocabulary[name] for name in [*codes, *named.values()]},
        )
    )
    scale_weights(model, 2.0)
    processor = Emu3Processor(  # type: ignore[no-untyped-call]
        Emu3ImageProcessor(min_pixels=32 * 32, max_pixels=64 * 64, spatial_factor=8),
        tokenizer,
        chat_template=chat_template("<image>"),
    )
    save(folder, model, processor)
