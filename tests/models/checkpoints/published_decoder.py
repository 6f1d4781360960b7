"""The tensors of a VQGAN checkpoint under their published names, at any size.

Written from the layout of taming-transformers' ``VQModel`` (``taming/models/vqgan.py`` and
``taming/modules/diffusionmodules/model.py``), of which Chameleon's published ``vqgan.ckpt`` is one
without timestep embeddings and without attention outside of the middle.
"""

from collections.abc import Sequence

Shapes = dict[str, tuple[int, ...]]


def published_shapes(
    *, ch: int, ch_mult: Sequence[int], blocks: int, z: int, embed: int, codes: int
) -> Shapes:
    """Names and shapes of what makes pictures of codes."""
    widths = [ch * factor for factor in ch_mult]
    shapes: Shapes = {"quantize.embedding.weight": (codes, embed)}
    shapes |= _conv("post_quant_conv", embed, z, 1)
    shapes |= _conv("decoder.conv_in", z, widths[-1], 3)
    shapes |= _residual("decoder.mid.block_1", widths[-1], widths[-1])
    shapes |= _norm("decoder.mid.attn_1.norm", widths[-1])
    for part in ("q", "k", "v", "proj_out"):
        shapes |= _conv(f"decoder.mid.attn_1.{part}", widths[-1], widths[-1], 1)
    shapes |= _residual("decoder.mid.block_2", widths[-1], widths[-1])
    inside = widths[-1]
    for level in reversed(range(len(widths))):
        for block in range(blocks + 1):
            shapes |= _residual(f"decoder.up.{level}.block.{block}", inside, widths[level])
            inside = widths[level]
        if level:
            shapes |= _conv(f"decoder.up.{level}.upsample.conv", inside, inside, 3)
    shapes |= _norm("decoder.norm_out", inside)
    shapes |= _conv("decoder.conv_out", inside, 3, 3)
    return shapes


def _conv(name: str, inside: int, outside: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (outside, inside, kernel, kernel), f"{name}.bias": (outside,)}


def _norm(name: str, channels: int) -> Shapes:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def _residual(name: str, inside: int, outside: int) -> Shapes:
    shapes = _norm(f"{name}.norm1", inside) | _conv(f"{name}.conv1", inside, outside, 3)
    shapes |= _norm(f"{name}.norm2", outside) | _conv(f"{name}.conv2", outside, outside, 3)
    return shapes | (_conv(f"{name}.nin_shortcut", inside, outside, 1) if inside != outside else {})
