"""A small CLIP before its training: a tokenizer, a processor, random weights."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    PreTrainedTokenizerFast,
)

# The end must not be token 2: CLIPModel takes that for an old configuration's mistake, and reads a
# text at its largest token instead of at its end.
_SPECIAL = ("<pad>", "<s>", "<unk>", "</s>")
_PAD, _BEGIN, _UNKNOWN, _END = range(len(_SPECIAL))


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerSizes:
    """Sizes of the part that reads pictures or texts.

    Attributes:
        width: of a layer.
        layers: how many.
        heads: of attention.
        intermediate_size: width of the feed-forward part.

    """

    width: int
    layers: int
    heads: int
    intermediate_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSizes:
    """Sizes of a CLIP; by default those of the one in the package, of a million parameters.

    Attributes:
        side: of a picture in pixels.
        patch: side of what is one token of it.
        positions: tokens of a text.
        projection: dimensions of what both parts give.

    """

    vision: TowerSizes = field(
        default_factory=lambda: TowerSizes(width=128, layers=4, heads=4, intermediate_size=384)
    )
    text: TowerSizes = field(
        default_factory=lambda: TowerSizes(width=128, layers=2, heads=4, intermediate_size=256)
    )
    side: int = 64
    patch: int = 8
    positions: int = 24
    projection: int = 64


def build_processor(sizes: ClipSizes, tokenizer: Any, *, squeezed: bool) -> Any:
    """A ``CLIPProcessor``.

    Args:
        tokenizer: as :func:`build_tokenizer` gives it.
        squeezed: pictures are squeezed, not cropped: what lies at the ends of a wide one is seen.

    """
    side = {"height": sizes.side, "width": sizes.side}
    image_processor = CLIPImageProcessor(
        size=side if squeezed else {"shortest_edge": sizes.side},
        crop_size=side,
        do_center_crop=not squeezed,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    return CLIPProcessor(  # type: ignore[no-untyped-call]
        image_processor=image_processor, tokenizer=tokenizer
    )


def train_pieces(texts: Iterable[str], vocabulary_size: int) -> Tokenizer:
    """Find the pieces of words of some texts, by byte pair encoding of their lower case.

    Args:
        vocabulary_size: how many at most, the 256 bytes among them.

    """
    tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL[_UNKNOWN]))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def build_tokenizer(tokenizer: Tokenizer, positions: int) -> Any:
    """As the library has it, with a token at both ends of a text."""
    begin, end = _SPECIAL[_BEGIN], _SPECIAL[_END]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", special_tokens=[(begin, _BEGIN), (end, _END)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=_SPECIAL[_PAD],
        bos_token=begin,
        unk_token=_SPECIAL[_UNKNOWN],
        eos_token=end,
        padding_side="right",
        model_max_length=positions,
        clean_up_tokenization_spaces=False,
    )


def build_model(processor: Any, seed: int, sizes: ClipSizes) -> Any:
    """A ``CLIPModel`` with random weights, in float32."""
    torch.manual_seed(seed)
    model = CLIPModel(
        CLIPConfig(
            text_config={
                **_tower(sizes.text),
                "vocab_size": len(processor.tokenizer),
                "max_position_embeddings": sizes.positions,
                "projection_dim": sizes.projection,
                "pad_token_id": _PAD,
                "bos_token_id": _BEGIN,
                "eos_token_id": _END,
            },
            vision_config={
                **_tower(sizes.vision),
                "image_size": sizes.side,
                "patch_size": sizes.patch,
                "projection_dim": sizes.projection,
            },
            projection_dim=sizes.projection,
        )
    )
    # The library's own start is a tenth of what the patches' pixels give. With it 1,300 steps
    # taught colour and shape but hardly the place: 21 % of the long captions were right, not 86 %.
    with torch.no_grad():
        embeddings = model.vision_model.embeddings
        embeddings.position_embedding.weight[1:] = _waves(
            sizes.side // sizes.patch, sizes.vision.width
        )
    return model


def _tower(sizes: TowerSizes) -> dict[str, int]:
    return {
        "hidden_size": sizes.width,
        "intermediate_size": sizes.intermediate_size,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
    }


def _waves(side: int, width: int) -> torch.Tensor:
    """Sines and cosines of row and column (Beyer et al., 2022), float32 ``[side * side, width]``.

    They are scaled to the size of the patches' embeddings.
    """
    frequencies = 100 ** -torch.linspace(0, 1, width // 4)
    angles = torch.arange(side)[:, None] * frequencies
    waves = 0.3 * torch.cat([angles.sin(), angles.cos()], dim=1)
    rows = waves.repeat_interleave(side, dim=0)
    columns = waves.repeat(side, 1)
    return torch.cat([rows, columns], dim=1)
