"""Decoders for Chameleon's VQ tokenizer, of which transformers has the encoder alone.

They are made of the encoder's own blocks, whose weights are named as those of the decoder are.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers.models.chameleon.modeling_chameleon import (
    ChameleonVQVAEEncoderAttnBlock,
    ChameleonVQVAEEncoderResnetBlock,
)

from models.source import ModelSource
from models.vq_weights import load_weights
from schemas.errors import ModelError

# The library does not type them.
_Residual: Any = ChameleonVQVAEEncoderResnetBlock
_Attention: Any = ChameleonVQVAEEncoderAttnBlock

# A codebook that was stored in bfloat16 differs by half of its last of 8 bits at most.
_ROUNDED = 2.0**-8


class _Doubling(nn.Conv2d):
    """Twice the height and width: nearest neighbour, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.interpolate(hidden, scale_factor=2.0, mode="nearest"))


class _Upsample(nn.Module):
    """The same, by the published name of its weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = _Doubling(channels)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.conv(hidden)  # type: ignore[no-any-return]


class _Middle(nn.Module):
    def __init__(self, config: Any, channels: int) -> None:
        super().__init__()
        self.block_1 = _Residual(config, channels, channels)
        self.attn_1 = _Attention(channels) if config.attn_type == "vanilla" else nn.Identity()
        self.block_2 = _Residual(config, channels, channels)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.block_2(self.attn_1(self.block_1(hidden)))  # type: ignore[no-any-return]


class _Level(nn.Module):
    """What happens at one resolution."""

    def __init__(
        self, config: Any, inside: int, outside: int, *, attends: bool, grows: bool
    ) -> None:
        super().__init__()
        blocks = config.num_res_blocks + 1
        self.block = nn.ModuleList(
            _Residual(config, inside if number == 0 else outside, outside)
            for number in range(blocks)
        )
        self.attn = nn.ModuleList(_Attention(outside) for _ in range(blocks if attends else 0))
        self.upsample = _Upsample(outside) if grows else nn.Identity()

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        for number, block in enumerate(self.block):
            hidden = block(hidden)
            if self.attn:
                hidden = self.attn[number](hidden)
        return self.upsample(hidden)  # type: ignore[no-any-return]


class _Decoder(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        channels = [config.base_channels * factor for factor in config.channel_multiplier]
        self.conv_in = nn.Conv2d(config.latent_channels, channels[-1], 3, padding=1)
        self.mid = _Middle(config, channels[-1])
        attended = config.attn_resolutions or () if config.attn_type == "vanilla" else ()
        # The levels are numbered from full resolution on, as those of the encoder, and run from
        # the last to the first.
        self.up = nn.ModuleList(
            _Level(
                config,
                channels[min(level + 1, len(channels) - 1)],
                channels[level],
                attends=config.resolution // 2**level in attended,
                grows=level > 0,
            )
            for level in range(len(channels))
        )
        self.norm_out = nn.GroupNorm(32, channels[0], eps=1e-6)
        self.conv_out = nn.Conv2d(channels[0], 3, 3, padding=1)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        hidden = self.mid(self.conv_in(hidden))
        for level in reversed(self.up):
            hidden = level(hidden)
        return self.conv_out(nn.functional.silu(self.norm_out(hidden)))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShuffleLayout:
    """The form of a decoder whose last doublings are one pixel shuffle.

    Attributes:
        channels: at each resolution, from that of the codes on; each a multiple of 32.
        blocks: residual blocks at each resolution.
        shuffle: side, in pixels, of the square that comes of one place of the last resolution; 1
            for none.

    """

    channels: tuple[int, ...]
    blocks: int
    shuffle: int

    @classmethod
    def of(cls, tensors: Mapping[str, torch.Tensor]) -> "ShuffleLayout":
        """The layout of weights, by their names and shapes."""
        channels: list[int] = []
        while (first := f"up.{len(channels)}.0.conv1.weight") in tensors:
            channels.append(tensors[first].shape[0])
        blocks = sum(
            1 for name in tensors if name.startswith("up.0.") and name.endswith(".conv1.weight")
        )
        shuffle = math.isqrt(tensors["out.weight"].shape[0] // 3)
        return cls(channels=tuple(channels), blocks=blocks, shuffle=shuffle)


class ShuffleDecoder(nn.Module):
    """That of calumma-tiny: the last doublings are one pixel shuffle (arXiv 1609.05158).

    Args:
        config: a ``ChameleonVQVAEConfig``; of it only ``latent_channels`` and ``dropout`` tell.

    """

    def __init__(self, config: Any, layout: ShuffleLayout) -> None:
        super().__init__()
        first, last = layout.channels[0], layout.channels[-1]
        self.conv_in = nn.Conv2d(config.latent_channels, first, 3, padding=1)
        self.mid = nn.ModuleList(
            [_Residual(config, first, first), _Attention(first), _Residual(config, first, first)]
        )
        self.up = nn.ModuleList()
        inside = first
        for level, channels in enumerate(layout.channels):
            layers = [
                _Residual(config, channels if number else inside, channels)
                for number in range(layout.blocks)
            ]
            if level < len(layout.channels) - 1:
                layers.append(_Doubling(channels))
            self.up.append(nn.ModuleList(layers))
            inside = channels
        self.norm = nn.GroupNorm(32, last, eps=1e-6)
        self.out = nn.Conv2d(last, 3 * layout.shuffle**2, 3, padding=1)
        self._shuffle = layout.shuffle

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """From vectors of shape (pictures, latent channels, h, w) to values (pictures, 3, H, W)."""
        hidden = self.conv_in(hidden)
        for layer in (*self.mid, *itertools.chain.from_iterable(self.up)):  # type: ignore[arg-type]
            hidden = layer(hidden)
        values = self.out(nn.functional.silu(self.norm(hidden)))
        return nn.functional.pixel_shuffle(values, self._shuffle)


class CodeDecoder(nn.Module):
    """From codes to pixel values: codebook, 1x1 convolution, decoder.

    Its parts have the names of the published weights (taming-transformers, and Chameleon's own
    ``vqgan.ckpt``): ``quantize.embedding``, ``post_quant_conv``, ``decoder``.
    """

    def __init__(self, config: Any, decoder: nn.Module) -> None:
        super().__init__()
        self.quantize = nn.Module()
        self.quantize.embedding = nn.Embedding(config.num_embeddings, config.embed_dim)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.latent_channels, 1)
        self.decoder = decoder

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Decode int64 codes of shape (pictures, height, width).

        Returns:
            float32 tensor of shape (pictures, 3, pixels high, pixels wide).

        """
        vectors = self.quantize.embedding(codes).permute(0, 3, 1, 2)  # type: ignore[operator]
        return self.decoder(self.post_quant_conv(vectors))  # type: ignore[no-any-return]


def build_decoder(
    source: ModelSource,
    config: Any,
    tensors: Mapping[str, torch.Tensor],
    own: Mapping[str, torch.Tensor],
) -> CodeDecoder:
    """Build the decoder whose weights were found, by their names.

    Args:
        config: a ``ChameleonVQVAEConfig``.
        tensors: the decoder file's, by name.
        own: the checkpoint's VQ tensors. Its codebook and ``post_quant_conv`` are taken where the
            decoder file has none.

    Raises:
        ModelError: the weights are of no known layout, incomplete, of another shape than the
            configuration says, or of another tokenizer.

    """
    published = "decoder.conv_in.weight" in tensors
    if not published and not ("mid.0.conv1.weight" in tensors and "out.weight" in tensors):
        raise ModelError(
            f"The decoder's weights of the model {source.name} are of no known layout: there is no "
            "decoder.conv_in.weight, as in the published ones."
        )
    codebook = tensors.get("quantize.embedding.weight")
    if codebook is not None:
        _check_codebook(source, codebook, own["quantize.embedding.weight"])
    with torch.device("meta"):
        if published:
            module = CodeDecoder(config, _Decoder(config))
        else:
            module = CodeDecoder(config, ShuffleDecoder(config, ShuffleLayout.of(tensors)))
            tensors = {f"decoder.{name}": value for name, value in tensors.items()}
    load_weights(source, module, {**own, **tensors})
    return module


def _check_codebook(source: ModelSource, codebook: torch.Tensor, own: torch.Tensor) -> None:
    if codebook.shape != own.shape or not torch.allclose(codebook, own, rtol=_ROUNDED, atol=1e-6):
        raise ModelError(
            f"The decoder beside the model {source.name} is of another tokenizer: its codebook is "
            "not the model's. Get the decoder that was trained with it."
        )
