"""The decoder of published weights: their names at full size, and its arithmetic."""

import gc
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ChameleonVQVAE, ChameleonVQVAEConfig, JanusVQVAE, JanusVQVAEConfig

from models.image_token_types import DECODER_FILE
from models.image_tokens import ImageCodes, load_image_tokenizer
from models.source import ModelSource, resolve_image_tokenizer
from models.vq_decoder import ShuffleDecoder, ShuffleLayout, build_decoder
from schemas.errors import ModelError
from tests.models.altered import copy_of
from tests.models.checkpoints.published_decoder import published_shapes

SOURCE = ModelSource(name="a model", location="/a", revision="", model_type="chameleon")
FULL: dict[str, Any] = {
    "ch": 128,
    "ch_mult": (1, 1, 2, 2, 4),
    "blocks": 2,
    "z": 256,
    "embed": 256,
    "codes": 8192,
}
SMALL: dict[str, Any] = {
    "ch": 32,
    "ch_mult": (1, 2, 2),
    "blocks": 1,
    "z": 8,
    "embed": 4,
    "codes": 32,
}


def random_tensors(seed: int = 0, **sizes: Any) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) / math.sqrt(math.prod(shape[1:]) or 1)
        for name, shape in published_shapes(**sizes).items()
    }


def small_config(kind: Any, **more: Any) -> Any:
    return kind(
        base_channels=32,
        channel_multiplier=list(SMALL["ch_mult"]),
        num_res_blocks=1,
        latent_channels=8,
        embed_dim=4,
        num_embeddings=32,
        **more,
    )


def test_the_published_names_at_full_size_are_all_taken() -> None:
    config = ChameleonVQVAEConfig()
    names = published_shapes(**FULL)
    # 17 blocks of which two change their width, one attention, 4 upsamplings, both ends.
    assert len([name for name in names if name.startswith("decoder.")]) == 164
    with torch.device("meta"):
        tensors = {name: torch.empty(shape) for name, shape in names.items()}
    del tensors["quantize.embedding.weight"]
    own = {"quantize.embedding.weight": torch.empty((8192, 256), device="meta")}
    module = build_decoder(SOURCE, config, tensors, own)
    assert {name: tuple(value.shape) for name, value in module.state_dict().items()} == names
    # The encoder, which the library has, is of the same configuration.
    with torch.device("meta"):
        encoder = ChameleonVQVAE(config)
    blocks = {name for name in encoder.state_dict() if ".mid." in name}
    assert {name.replace("encoder", "decoder") for name in blocks} == {
        name for name in names if ".mid." in name
    }


@pytest.fixture(scope="module")
def without_attention() -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]]:
    """Weights, codes, and the values that transformers' decoder of Janus makes of them.

    Janus has the same decoder with its levels numbered the other way around, vectors of the
    codebook brought to length 1, and attention at the lowest level, which adds nothing here.
    """
    tensors = random_tensors(**SMALL)
    theirs: Any = JanusVQVAE(small_config(JanusVQVAEConfig, num_patches=6))
    state = {name: value for name, value in theirs.state_dict().items() if "up." in name}
    state = {name: torch.zeros_like(state[name]) for name in state if ".attn." in name}
    for name, value in tensors.items():
        parts = name.split(".")
        if parts[1] == "up":
            parts[2] = str(2 - int(parts[2]))
        state[".".join(parts)] = value
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected
    assert all(name.startswith(("encoder.", "quant_conv.")) for name in missing)
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 32, (2, 6, 6)))
    with torch.no_grad():
        values = theirs.decode(codes.flatten(1))
    unit = dict(tensors)
    unit["quantize.embedding.weight"] = torch.nn.functional.normalize(
        tensors["quantize.embedding.weight"], dim=-1
    )
    yield unit, codes, values
    gc.collect()


def test_values_are_those_of_another_implementation(
    without_attention: tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor],
) -> None:
    tensors, codes, values = without_attention
    module = build_decoder(SOURCE, small_config(ChameleonVQVAEConfig), tensors, tensors)
    with torch.no_grad():
        made = module(codes)
    assert made.shape == (2, 3, 24, 24)
    assert values.std() > 0.1
    torch.testing.assert_close(made, values, rtol=1e-4, atol=1e-4)


def write_decoder(folder: Path, **changes: torch.Tensor) -> None:
    """A decoder for the tests' Chameleon, with its own codebook, as ``vqgan.ckpt`` has it."""
    own = load_file(folder / "model.safetensors")["model.vqmodel.quantize.embedding.weight"]
    sizes: dict[str, Any] = {
        "ch": 32,
        "ch_mult": (1, 1, 1, 1),
        "blocks": 0,
        "z": 8,
        "embed": 8,
        "codes": 32,
    }
    tensors = random_tensors(**sizes) | {"quantize.embedding.weight": own.clone()}
    # What else is in the published file.
    tensors |= {"encoder.conv_in.weight": torch.zeros(1), "loss.logvar": torch.zeros(1)}
    save_file(tensors | changes, folder / DECODER_FILE)


def test_a_decoder_beside_the_checkpoint_makes_pictures(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("chameleon"), tmp_path)
    write_decoder(folder)
    model = load_image_tokenizer(resolve_image_tokenizer(str(folder)), device="cpu")
    codes = np.random.default_rng(1).integers(0, 32, (3, 8, 8), dtype=np.int32)
    rows = [
        ImageCodes(codes=one, tokenizer="", tokenizer_hash=model.tokenizer_hash)
        for one in [*codes, codes[0][:4]]
    ]
    pictures = model.decode(rows)
    assert [getattr(one, "shape", None) for one in pictures] == [(64, 64, 3)] * 3 + [(32, 64, 3)]
    for row, picture in zip(rows, pictures, strict=True):
        (alone,) = model.decode([row])
        assert isinstance(alone, np.ndarray)
        assert isinstance(picture, np.ndarray)
        np.testing.assert_array_equal(alone, picture)
    assert len({np.asarray(picture).tobytes() for picture in pictures}) == 4


@pytest.mark.parametrize(
    "layout",
    [
        ShuffleLayout(channels=(64, 64, 32), blocks=2, shuffle=2),
        ShuffleLayout(channels=(32, 64), blocks=1, shuffle=4),
        ShuffleLayout(channels=(64, 32, 32, 32), blocks=3, shuffle=1),
    ],
)
def test_the_layout_of_a_decoder_is_read_from_its_weights(layout: ShuffleLayout) -> None:
    torch.manual_seed(0)
    config = small_config(ChameleonVQVAEConfig)
    plain = ShuffleDecoder(config, layout).eval()
    tensors = plain.state_dict()
    assert ShuffleLayout.of(tensors) == layout
    own = random_tensors(**SMALL)
    module = build_decoder(SOURCE, config, tensors, own)
    codes = torch.from_numpy(np.random.default_rng(0).integers(0, 32, (2, 3, 5)))
    with torch.no_grad():
        vectors = own["quantize.embedding.weight"][codes].permute(0, 3, 1, 2)
        hidden = torch.nn.functional.conv2d(
            vectors, own["post_quant_conv.weight"], own["post_quant_conv.bias"]
        )
        torch.testing.assert_close(module(codes), plain(hidden))
        assert module(codes).shape == (2, 3, 24, 40)


def test_a_decoder_that_does_not_fit_is_refused(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("chameleon"), tmp_path)
    source = resolve_image_tokenizer(str(folder))
    write_decoder(folder, **{"quantize.embedding.weight": torch.ones(32, 8)})
    with pytest.raises(ModelError, match="of another tokenizer: its codebook is not the model's"):
        load_image_tokenizer(source, device="cpu")
    write_decoder(folder, **{"decoder.conv_in.weight": torch.ones(32, 8, 1, 1)})
    with pytest.raises(ModelError, match=r"decoder.conv_in.weight has the shape \(32, 8, 1, 1\)"):
        load_image_tokenizer(source, device="cpu")
    save_file({"conv_in.weight": torch.ones(1)}, folder / DECODER_FILE)
    with pytest.raises(ModelError, match="of no known layout"):
        load_image_tokenizer(source, device="cpu")
    (folder / DECODER_FILE).write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_image_tokenizer(source, device="cpu")


def peak() -> int:
    """The most memory that this process has held since the last :func:`forget_peak`, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def test_a_checkpoint_at_full_size_loads_in_little_memory(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    """Chameleon's own tokenizer beside a language model, here small, and the published decoder."""
    folder = copy_of(checkpoint("chameleon"), tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["vq_config"] = ChameleonVQVAEConfig().to_dict()
    letters = str.maketrans("0123456789", "ABCDEFGHIJ")
    names = [f"IMGIMG{str(code).translate(letters)}Z" for code in range(8192)]
    config["vocabulary_map"] = {"<image>": 4} | {
        name: 100 + place for place, name in enumerate(names)
    }
    (folder / "config.json").write_text(json.dumps(config))
    with torch.device("meta"):
        shapes = {
            name: value.shape
            for name, value in ChameleonVQVAE(ChameleonVQVAEConfig()).state_dict().items()
        }
    decoder = random_tensors(**FULL)
    own = {name: torch.zeros(shape) for name, shape in shapes.items()} | {
        name: value for name, value in decoder.items() if not name.startswith("decoder.")
    }
    # 200 MB that are not the tokenizer's.
    weights = {"model.embed_tokens.weight": torch.zeros(50, 1_000_000)}
    weights |= {f"model.vqmodel.{name}": value.bfloat16() for name, value in own.items()}
    save_file(weights, folder / "model.safetensors")
    save_file(decoder, folder / DECODER_FILE)
    del weights, decoder, own
    gc.collect()
    source = resolve_image_tokenizer(str(folder))
    forget_peak()
    before = peak()
    model = load_image_tokenizer(source, device="cpu")
    loaded = peak()
    codes = np.arange(64, dtype=np.int32).reshape(8, 8) * 128
    row = ImageCodes(codes=codes, tokenizer="", tokenizer_hash=model.tokenizer_hash)
    (picture,) = model.decode([row])
    decoded = peak()
    assert isinstance(picture, np.ndarray)
    assert picture.shape == (128, 128, 3)
    assert picture.std() > 1
    # The encoder's 28 million parameters take 112 MB in float32; the decoder's 39 million are
    # mapped from their file, and come into memory when they are used.
    print(f"{loaded - before} MB to load, {decoded - loaded} MB more to decode 128 x 128 pixels")
    assert loaded - before < 350
    assert decoded - loaded < 350
