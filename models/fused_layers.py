"""Layers of transformers' models of the Llama kind, run with a third of the operations.

A step of decoding is so little work that the calls themselves cost more than the arithmetic. Here
projections of the same input are one, and queries and keys are normed and rotated together.
"""

from typing import Any, Protocol

import torch
from torch.nn import functional
from transformers.models.chameleon.modeling_chameleon import ChameleonDecoderLayer
from transformers.models.emu3.modeling_emu3 import Emu3DecoderLayer
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

Angles = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines, of shape (rows or 1, tokens, width of a head)."""


class Cache(Protocol):
    """Keeps what layers remember, as transformers' own caches do."""

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store a layer's next keys and values, (rows, heads, tokens, width); give all so far."""

    def advance(self, tokens: int) -> None:
        """Count tokens that every layer has stored."""


_KNOWN = (ChameleonDecoderLayer, Emu3DecoderLayer, LlamaDecoderLayer)


class Transformer:
    """A model's layers with one way to run them.

    The weights that are joined stay where the model's own modules find them, as views: the model
    can still be run by itself, and takes no more memory.
    """

    def __init__(self, backbone: Any) -> None:
        self._backbone = backbone
        self.depth = len(backbone.layers)
        # Others, such as those of Chameleon 30B, which norm afterwards, run as they are.
        self._fused: list[FusedLayer] | None = None
        if all(type(layer) in _KNOWN for layer in backbone.layers):
            self._fused = [FusedLayer(layer, place) for place, layer in enumerate(backbone.layers)]

    def angles(self, positions: torch.Tensor) -> Angles:
        """Cosines and sines for positions, int64 of shape (rows, tokens), as layers take them."""
        # Of what it is given first it asks the number format and the device alone.
        states = self._backbone.embed_tokens.weight
        cosine, sine = self._backbone.rotary_emb(states, position_ids=positions)
        if self._fused is None:
            return cosine, sine
        half = sine.shape[-1] // 2
        return cosine, torch.cat([-sine[..., :half], sine[..., half:]], dim=-1)

    def run(
        self,
        embedded: torch.Tensor,
        angles: Angles,
        mask: torch.Tensor | None,
        cache: Cache,
    ) -> torch.Tensor:
        """Read tokens, and store what is to be remembered of them.

        Args:
            embedded: of shape (rows, tokens, width).
            angles: of their positions.
            mask: of attention, bool or added to it, of shape (rows, 1, tokens or 1, tokens so
                far); None where each token sees itself and all before.
            cache: of what was read before.

        Returns:
            States of the last token, normed, of shape (rows, width).

        """
        hidden = embedded
        if self._fused is not None:
            for fused in self._fused:
                hidden = fused(hidden, angles, mask, cache)
        else:
            for layer in self._backbone.layers:
                output = layer(
                    hidden,
                    attention_mask=mask,
                    past_key_values=cache,
                    use_cache=True,
                    position_embeddings=angles,
                )
                hidden = output[0] if isinstance(output, tuple) else output
        cache.advance(embedded.shape[1])
        normed: torch.Tensor = self._backbone.norm(hidden[:, -1])
        return normed


class FusedLayer:
    """Norm, attention with rotary positions, norm, gated feed-forward."""

    def __init__(self, layer: Any, number: int) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._number = number
        self._before, self._between = layer.input_layernorm, layer.post_attention_layernorm
        self._project = _joined(attention.q_proj, attention.k_proj, attention.v_proj)
        self._output, self._down = attention.o_proj, mlp.down_proj
        self._gate_and_up = _joined(mlp.gate_proj, mlp.up_proj)
        self._activation = mlp.act_fn
        self._width = attention.head_dim
        self._queries = attention.q_proj.out_features // self._width
        self._keys = attention.k_proj.out_features // self._width
        self._scaling = attention.scaling
        self._scale: torch.Tensor | None = None
        self._shift: torch.Tensor | None = None
        if hasattr(attention, "q_norm"):
            # Chameleon's: each head is normed by itself, with a scale and a shift of its own.
            norms = (attention.q_norm, attention.k_norm)
            self._scale = torch.cat([norm.weight.detach() for norm in norms])
            self._shift = torch.cat([norm.bias.detach() for norm in norms])

    def __call__(
        self, hidden: torch.Tensor, angles: Angles, mask: torch.Tensor | None, cache: Cache
    ) -> torch.Tensor:
        """Run states of shape (rows, tokens, width)."""
        rows, tokens, _ = hidden.shape
        projected = functional.linear(_normed(self._before, hidden), *self._project)
        heads = projected.view(rows, tokens, -1, self._width)
        rotated = self._queries + self._keys
        both = self._rotated(heads[:, :, :rotated], angles)
        queries = both[:, :, : self._queries].transpose(1, 2)
        keys, values = cache.update(
            both[:, :, self._queries :].transpose(1, 2),
            heads[:, :, rotated:].transpose(1, 2),
            self._number,
        )
        attended = self._attend(queries, keys, values, mask)
        hidden = hidden + self._output(attended.transpose(1, 2).reshape(rows, tokens, -1))
        gate_and_up = functional.linear(_normed(self._between, hidden), *self._gate_and_up)
        gate, up = gate_and_up.chunk(2, dim=-1)
        moved: torch.Tensor = hidden + self._down(self._activation(gate) * up)
        return moved

    def _rotated(self, heads: torch.Tensor, angles: Angles) -> torch.Tensor:
        if self._scale is not None and self._shift is not None:
            heads = functional.layer_norm(heads, (self._width,))
            heads = torch.addcmul(self._shift, heads, self._scale)
        cosine, sine = (part.unsqueeze(2) for part in angles)
        # The halves swapped, of which the sines have the first one negated.
        return torch.addcmul(heads * cosine, heads.roll(self._width // 2, dims=-1), sine)

    def _attend(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        rows, _, tokens, width = queries.shape
        shared = self._queries // self._keys
        packed = shared > 1 and tokens == 1
        if packed:
            # Heads that share keys are taken for tokens, so that no key is copied.
            queries = queries.reshape(rows, self._keys, shared, width)
        attended = functional.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=mask,
            is_causal=mask is None and tokens > 1,
            scale=self._scaling,
            enable_gqa=shared > 1 and not packed,
        )
        return attended.reshape(rows, self._queries, tokens, width)


def _normed(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(hidden, norm.weight.shape, norm.weight, norm.variance_epsilon)


def _joined(*linears: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weight and bias of one projection in place of several, which become views of it."""
    weight = torch.cat([linear.weight.detach() for linear in linears])
    start = 0
    for linear in linears:
        linear.weight.data = weight[start : start + linear.out_features]
        start += linear.out_features
    biases = [linear.bias.detach() for linear in linears if linear.bias is not None]
    return weight, torch.cat(biases) if biases else None
