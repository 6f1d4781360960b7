"""Tiny checkpoints of the types that embed pictures and texts in one space."""

from collections.abc import Callable
from typing import Any

from transformers import (
    AltCLIPConfig,
    AltCLIPModel,
    AltCLIPProcessor,
    ChineseCLIPConfig,
    ChineseCLIPImageProcessor,
    ChineseCLIPModel,
    ChineseCLIPProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    MetaClip2Config,
    MetaClip2Model,
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    Siglip2Processor,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipProcessor,
)

from tests.models.checkpoints.parts import make_tokenizer, scale_weights, vision_settings

LONGEST_TEXT = 12
"""Tokens that each of them reads."""

_SQUARE = {"height": 32, "width": 32}


def _text(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": LONGEST_TEXT,
        "pad_token_id": 0,
        "bos_token_id": 1,
        # Not 2, which CLIP takes for a mistake of its first checkpoints.
        "eos_token_id": 3,
        **more,
    }


def _tokenizer() -> Any:
    tokenizer = make_tokenizer(model_max_length=LONGEST_TEXT)
    tokenizer.eos_token = "<unk>"
    return tokenizer


def _save(folder: str, model: Any, processor: Any) -> None:
    scale_weights(model, 4.0)
    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)


def build_clip(folder: str) -> None:
    """The one that the paper retrieves with."""
    tokenizer = _tokenizer()
    config = CLIPConfig(
        text_config=_text(tokenizer), vision_config=vision_settings(), projection_dim=16
    )
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=_SQUARE)
    _save(folder, CLIPModel(config), CLIPProcessor(images, tokenizer))  # type: ignore[no-untyped-call]


def build_metaclip_2(folder: str) -> None:
    """CLIP for many languages."""
    tokenizer = _tokenizer()
    config = MetaClip2Config(
        text_config=_text(tokenizer), vision_config=vision_settings(), projection_dim=16
    )
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=_SQUARE)
    _save(folder, MetaClip2Model(config), CLIPProcessor(images, tokenizer))  # type: ignore[no-untyped-call]


def build_chinese_clip(folder: str) -> None:
    """A BERT reads the texts."""
    tokenizer = _tokenizer()
    config = ChineseCLIPConfig(
        text_config=_text(tokenizer), vision_config=vision_settings(), projection_dim=16
    )
    images = ChineseCLIPImageProcessor(size=_SQUARE, do_center_crop=False)
    _save(folder, ChineseCLIPModel(config), ChineseCLIPProcessor(images, tokenizer))  # type: ignore[no-untyped-call]


def build_altclip(folder: str) -> None:
    """A RoBERTa reads the texts: its positions begin behind the padding's id."""
    tokenizer = _tokenizer()
    text = _text(tokenizer, max_position_embeddings=LONGEST_TEXT + 1, project_dim=24)
    config = AltCLIPConfig(text_config=text, vision_config=vision_settings(), projection_dim=16)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=_SQUARE)
    _save(folder, AltCLIPModel(config), AltCLIPProcessor(images, tokenizer))  # type: ignore[no-untyped-call]


def build_siglip(folder: str) -> None:
    """Texts are padded to the limit, and without a mask."""
    tokenizer = make_tokenizer(model_max_length=LONGEST_TEXT)
    text = _text(tokenizer, projection_size=32)
    config = SiglipConfig(text_config=text, vision_config=vision_settings())
    images = SiglipImageProcessor(size=_SQUARE)
    _save(folder, SiglipModel(config), SiglipProcessor(images, tokenizer))  # type: ignore[no-untyped-call]


def build_siglip2(folder: str) -> None:
    """Pictures keep their shape: patches, a mask of those that are there, and rows by columns."""
    tokenizer = make_tokenizer(model_max_length=LONGEST_TEXT)
    vision = vision_settings(num_patches=16)
    vision.pop("image_size")
    text = _text(tokenizer, projection_size=32)
    config = Siglip2Config(text_config=text, vision_config=vision)
    images = Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
    _save(folder, Siglip2Model(config), Siglip2Processor(images, tokenizer))  # type: ignore[no-untyped-call]


DUAL_ENCODERS: dict[str, Callable[[str], None]] = {
    "clip": build_clip,
    "metaclip_2": build_metaclip_2,
    "chinese_clip": build_chinese_clip,
    "altclip": build_altclip,
    "siglip": build_siglip,
    "siglip2": build_siglip2,
}
