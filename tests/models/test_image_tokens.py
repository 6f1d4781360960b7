"""Pictures as codes and back, against transformers' own modules used as its documentation says."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from easy_vqa import get_test_image_paths
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from models.framing import BAR_COLOR, Framing, Rectangle
from models.image_token_types import DECODER_FILE
from models.image_tokens import ImageCodes, ImageTokenizer, TokenizeRequest, load_image_tokenizer
from models.reconstruction import psnr
from models.source import DEFAULT_MODEL, EMBEDDED_FOLDER, resolve_image_tokenizer
from schemas.errors import ModelError, RowError, UsageError
from schemas.failure import FailureKind
from tests.models.altered import copy_of, edit_json

Pixels = NDArray[np.uint8]
FAMILIES = ["chameleon", "emu3", "janus"]
OWN = Framing()


@pytest.fixture(scope="module")
def tokenizer(checkpoint: Callable[[str], Path]) -> Callable[[str], ImageTokenizer]:
    @cache
    def load(name: str) -> ImageTokenizer:
        folder = DEFAULT_MODEL if name == DEFAULT_MODEL else str(checkpoint(name))
        # The tiny Chameleon has no decoder, as published ones have none.
        return load_image_tokenizer(
            resolve_image_tokenizer(folder), device="cpu", decoder=name != "chameleon"
        )

    return load


def a_picture(seed: int, height: int = 40, width: int = 56) -> Pixels:
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR))


PICTURES = [
    a_picture(0),
    a_picture(1, 64, 64),
    a_picture(2, 3, 90),
    a_picture(3, 70, 31),
    a_picture(4, 1, 1),
]


def all_test_pictures() -> list[Pixels]:
    return [np.asarray(Image.open(path).convert("RGB")) for path in get_test_image_paths().values()]


def encode(
    model: ImageTokenizer, pictures: Sequence[Pixels], framing: Framing = OWN
) -> list[ImageCodes]:
    rows = model.encode(model.prepare([TokenizeRequest(pixels=one) for one in pictures], framing))
    return [row for row in rows if isinstance(row, ImageCodes)]


def frames(model: ImageTokenizer, pictures: Sequence[Pixels], framing: Framing) -> list[Pixels]:
    rows = model.frames(model.prepare([TokenizeRequest(pixels=one) for one in pictures], framing))
    return [row for row in rows if isinstance(row, np.ndarray)]


def decode(model: ImageTokenizer, rows: Sequence[ImageCodes]) -> list[Pixels]:
    return [row for row in model.decode(rows) if isinstance(row, np.ndarray)]


def error(model: ImageTokenizer, row: ImageCodes) -> RowError:
    (found,) = model.decode([row])
    assert isinstance(found, RowError)
    return found


class Library:
    """A checkpoint as a user of transformers has it: the whole model and its processor."""

    def __init__(self, folder: Path) -> None:
        self.is_emu3 = folder.name == "emu3"
        options = {"backend": "pil"} if self.is_emu3 else {}
        self.processor: Any = AutoProcessor.from_pretrained(folder, **options)  # type: ignore[no-untyped-call]
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)

    def token_ids(self, pixels: Pixels) -> NDArray[np.int64]:
        """The ids that the language model reads; of Janus, whose model reads none, the codes."""
        # Without it, Emu3's processor takes the 3 rows of one picture for its channels.
        order = {"input_data_format": "channels_last"} if self.is_emu3 else {}
        encoded = self.processor.image_processor(
            Image.fromarray(pixels), return_tensors="pt", **order
        )
        if self.is_emu3:
            # Which that setting makes it get wrong.
            encoded["image_sizes"] = torch.tensor([encoded["pixel_values"].shape[2:]])
        with torch.no_grad():
            if self.model.config.model_type == "janus":
                vq = self.model.model.vqmodel
                ids = vq.encode(encoded["pixel_values"], return_dict=True).image_tokens
            else:
                ids = self.model.model.get_image_tokens(**encoded)
        return ids.flatten().numpy().astype(np.int64)  # type: ignore[no-any-return]

    def picture(self, model_type: str, row: ImageCodes, ids: NDArray[np.int64]) -> torch.Tensor:
        """Values of shape (3, h, w) that the model's own decoding gives."""
        height, width = row.codes.shape
        if model_type == "emu3":
            end = self.model.model.vocabulary_mapping.eol_token_id
            lines = np.pad(ids[row.codes], ((0, 0), (0, 1)), constant_values=end)
            # It takes the tokens that end a picture along: three, of any kind.
            tokens = torch.from_numpy(np.append(lines.flatten(), [0, 0, 0])[None])
            values = self.model.decode_image_tokens(image_tokens=tokens, height=height, width=width)
        else:
            tokens = torch.from_numpy(row.codes.flatten()[None].astype(np.int64))
            with torch.no_grad():
                values = self.model.decode_image_tokens(tokens)
            values = values.permute(0, 3, 1, 2)
        return values[0]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def library(checkpoint: Callable[[str], Path]) -> Callable[[str], Library]:
    @cache
    def load(name: str) -> Library:
        return Library(EMBEDDED_FOLDER if name == DEFAULT_MODEL else checkpoint(name))

    return load


@pytest.mark.parametrize("name", FAMILIES)
def test_codes_are_those_of_the_checkpoint(
    name: str,
    tokenizer: Callable[[str], ImageTokenizer],
    library: Callable[[str], Library],
) -> None:
    model = tokenizer(name)
    rows = encode(model, PICTURES)
    assert len({row.codes.tobytes() for row in rows}) == len(PICTURES)
    for pixels, row in zip(PICTURES, rows, strict=True):
        assert row.codes.dtype == np.int32
        ids = model.vocabulary_ids[row.codes]
        if name == "emu3":
            end = library(name).model.model.vocabulary_mapping.eol_token_id
            ids = np.pad(ids, ((0, 0), (0, 1)), constant_values=end)
        np.testing.assert_array_equal(ids.flatten(), library(name).token_ids(pixels))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_gives_the_codes_of_single_pictures(
    name: str, tokenizer: Callable[[str], ImageTokenizer]
) -> None:
    model = tokenizer(name)
    for pixels, row in zip(PICTURES, encode(model, PICTURES), strict=True):
        np.testing.assert_array_equal(encode(model, [pixels])[0].codes, row.codes)


@pytest.mark.parametrize("name", ["emu3", "janus"])
def test_pictures_are_those_of_the_models_own_decoding(
    name: str,
    tokenizer: Callable[[str], ImageTokenizer],
    library: Callable[[str], Library],
) -> None:
    model, theirs = tokenizer(name), library(name)
    rows = encode(model, PICTURES)
    processor = theirs.processor.image_processor
    for row, made in zip(rows, decode(model, rows), strict=True):
        values = theirs.picture(name, row, model.vocabulary_ids).double()
        mean, deviation = (
            torch.tensor(one, dtype=torch.float64).view(3, 1, 1)
            for one in (processor.image_mean, processor.image_std)
        )
        expected = (values * deviation + mean) * 255
        got = torch.from_numpy(made).permute(2, 0, 1).double()
        # Rounded to the nearest of what a byte can hold.
        assert (got - expected.clamp(0, 255)).abs().max() <= 0.5001
        assert made.std() > 0


def test_all_test_pictures_come_back_from_the_embedded_model(
    tokenizer: Callable[[str], ImageTokenizer], library: Callable[[str], Library]
) -> None:
    model, theirs = tokenizer(DEFAULT_MODEL), library(DEFAULT_MODEL)
    pictures = all_test_pictures()
    assert len(pictures) == 1000
    rows = encode(model, pictures)
    pixels = theirs.processor.image_processor(
        [Image.fromarray(one) for one in pictures], return_tensors="pt"
    )["pixel_values"]
    with torch.no_grad():
        # One by one: in a batch sums are rounded otherwise, and of 64,000 codes two are others.
        ids = torch.cat([theirs.model.model.get_image_tokens(part) for part in pixels.split(1)])
    codes = np.stack([row.codes for row in rows])
    assert codes.shape == (1000, 8, 8)
    np.testing.assert_array_equal(model.vocabulary_ids[codes].reshape(1000, 64), ids.numpy())
    quality = [psnr(made, one) for made, one in zip(decode(model, rows), pictures, strict=True)]
    assert np.mean(quality) >= 30.0


@pytest.mark.parametrize("name", ["chameleon", "emu3", "janus", DEFAULT_MODEL])
def test_frames_are_what_the_processor_made(
    name: str, tokenizer: Callable[[str], ImageTokenizer]
) -> None:
    model = tokenizer(name)
    square = a_picture(5, 64, 64) if name != "janus" else a_picture(5, 32, 32)
    np.testing.assert_array_equal(frames(model, [square], OWN)[0], square)
    (row,) = encode(model, [square])
    assert row.framed is not None
    assert (row.framed.rule, row.framed.height) == ("checkpoint", len(square))
    assert row.codes.shape[0] * model.pixels_per_code == len(square)


def test_a_picture_of_three_rows_is_not_taken_for_channels(
    tokenizer: Callable[[str], ImageTokenizer],
) -> None:
    row = encode(tokenizer("emu3"), [a_picture(2, 3, 90)])[0]
    assert row.codes.shape[1] > 10 * row.codes.shape[0]


def test_a_letterboxed_picture_is_whole_between_bars(
    tokenizer: Callable[[str], ImageTokenizer],
) -> None:
    model = tokenizer("chameleon")
    wide = np.full((20, 80, 3), 200, np.uint8)
    (frame,) = frames(model, [wide], Framing(rule="letterbox"))
    assert frame.shape == (64, 64, 3)
    assert (frame[24:40] == 200).all()
    assert (frame[:24] == BAR_COLOR).all()
    assert (frame[40:] == BAR_COLOR).all()
    framed = encode(model, [wide], Framing(rule="letterbox"))[0].framed
    assert framed is not None
    assert framed.content == Rectangle(top=24, left=0, height=16, width=64)


def test_a_crop_is_the_part_that_was_asked_for(
    tokenizer: Callable[[str], ImageTokenizer],
) -> None:
    model = tokenizer("chameleon")
    picture = a_picture(7, 96, 128)
    part = Rectangle(top=10, left=30, height=64, width=64)
    framing = Framing(rule="crop")
    prepared = model.prepare([TokenizeRequest(pixels=picture, crop=part)], framing)
    (frame,) = model.frames(prepared)
    assert isinstance(frame, np.ndarray)
    np.testing.assert_array_equal(frame, picture[10:74, 30:94])
    (row,) = model.encode(prepared)
    assert isinstance(row, ImageCodes)
    assert row.framed is not None
    assert row.framed.crop == part


@pytest.mark.parametrize("name", ["chameleon", "emu3"])
@pytest.mark.parametrize("rule", ["checkpoint", "letterbox"])
def test_another_resolution_gives_a_larger_grid(
    name: str, rule: Any, tokenizer: Callable[[str], ImageTokenizer]
) -> None:
    model = tokenizer(name)
    (row,) = encode(model, [a_picture(1, 64, 64)], Framing(rule=rule, resolution=96))
    assert row.codes.shape == (12, 12)


def test_frames_that_a_model_does_not_have_are_refused(
    tokenizer: Callable[[str], ImageTokenizer],
) -> None:
    with pytest.raises(UsageError, match=r"reads and makes pictures of 32 x 32 pixels alone"):
        tokenizer("janus").grid(Framing(resolution=64))
    with pytest.raises(UsageError, match="multiple of 8 pixels"):
        tokenizer("chameleon").grid(Framing(resolution=60))
    with pytest.raises(UsageError, match="Give a resolution"):
        tokenizer("emu3").grid(Framing(rule="letterbox"))
    with pytest.raises(UsageError, match="at least 1 pixel"):
        Framing(resolution=0)
    assert tokenizer("janus").grid(OWN) == (4, 4)
    assert tokenizer("emu3").grid(OWN) is None


def test_a_bad_picture_is_refused_alone(tokenizer: Callable[[str], ImageTokenizer]) -> None:
    model = tokenizer("emu3")
    bad: list[Any] = [
        np.zeros((1, 4000, 3), np.uint8),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 3), np.float32),
    ]
    requests = [TokenizeRequest(pixels=one) for one in [PICTURES[0], *bad, PICTURES[1]]]
    rows = model.encode(model.prepare(requests, OWN))
    refused = [row for row in rows if isinstance(row, RowError)]
    assert [row.kind for row in refused] == [FailureKind.INVALID_ROW] * 4
    assert "too thin" in refused[0].message
    assert isinstance(rows[0], ImageCodes)
    assert isinstance(rows[-1], ImageCodes)
    np.testing.assert_array_equal(rows[-1].codes, encode(model, [PICTURES[1]])[0].codes)


@pytest.mark.parametrize(
    "part",
    [
        None,
        Rectangle(top=-1, left=0, height=8, width=8),
        Rectangle(top=0, left=0, height=0, width=8),
        Rectangle(top=0, left=50, height=8, width=8),
    ],
)
def test_a_crop_outside_of_the_picture_is_refused(
    part: Rectangle | None, tokenizer: Callable[[str], ImageTokenizer]
) -> None:
    request = TokenizeRequest(pixels=PICTURES[0], crop=part)
    model = tokenizer("chameleon")
    (row,) = model.encode(model.prepare([request], Framing(rule="crop")))
    assert isinstance(row, RowError)
    assert row.kind is FailureKind.INVALID_ROW


def test_codes_that_cannot_be_decoded_fail_alone(
    tokenizer: Callable[[str], ImageTokenizer],
) -> None:
    model = tokenizer("janus")
    good = encode(model, PICTURES[:1])[0]

    def altered(codes: Any, digest: str = good.tokenizer_hash) -> ImageCodes:
        return ImageCodes(codes=np.asarray(codes), tokenizer="other", tokenizer_hash=digest)

    high, low = good.codes.copy(), good.codes.copy()
    high[1, 2], low[0, 0] = 32, -1
    assert "code 32 is not in the codebook" in error(model, altered(high)).message
    assert "code -1 is not" in error(model, altered(low)).message
    assert "grid of 4 x 3 codes" in error(model, altered(good.codes[:, :3])).message
    assert "of shape (16,)" in error(model, altered(good.codes.flatten())).message
    assert "whole numbers" in error(model, altered(good.codes.astype(float))).message
    other = error(model, altered(good.codes, "sha256:0"))
    assert "another tokenizer: other (sha256:0)" in other.message
    assert other.kind is FailureKind.INVALID_ROW
    huge = altered(
        np.broadcast_to(np.int32(0), (100_000, 100_000)), tokenizer("emu3").tokenizer_hash
    )
    assert "4096 pixels" in error(tokenizer("emu3"), huge).message
    rows = model.decode([altered(high), good])
    assert isinstance(rows[0], RowError)
    np.testing.assert_array_equal(rows[1], decode(model, [good])[0])


def test_types_without_image_tokens_are_refused_at_once(
    checkpoint: Callable[[str], Path],
) -> None:
    with pytest.raises(ModelError, match=r"type llava.*Use one of type chameleon, emu3, janus"):
        resolve_image_tokenizer(str(checkpoint("llava")))


def test_a_chameleon_without_decoder_reads_pictures_alone(
    checkpoint: Callable[[str], Path], tokenizer: Callable[[str], ImageTokenizer]
) -> None:
    source = resolve_image_tokenizer(str(checkpoint("chameleon")))
    with pytest.raises(ModelError, match=rf"cannot make them: its folder has no {DECODER_FILE}"):
        load_image_tokenizer(source, device="cpu")
    with pytest.raises(ModelError, match="loaded without its decoder"):
        tokenizer("chameleon").decode([])


@pytest.mark.parametrize("name", ["emu3", "janus"])
def test_without_its_decoder_a_tokenizer_is_the_same(
    name: str, checkpoint: Callable[[str], Path], tokenizer: Callable[[str], ImageTokenizer]
) -> None:
    source = resolve_image_tokenizer(str(checkpoint(name)))
    model = load_image_tokenizer(source, device="cpu", decoder=False)
    assert model.tokenizer_hash == tokenizer(name).tokenizer_hash
    (mine,), (whole,) = encode(model, PICTURES[:1]), encode(tokenizer(name), PICTURES[:1])
    np.testing.assert_array_equal(mine.codes, whole.codes)
    with pytest.raises(ModelError, match="loaded without its decoder"):
        model.decode([mine])


def test_the_hash_is_that_of_what_makes_the_codes(
    checkpoint: Callable[[str], Path], tmp_path: Path, tokenizer: Callable[[str], ImageTokenizer]
) -> None:
    folder = copy_of(checkpoint("chameleon"), tmp_path)
    weights = load_file(folder / "model.safetensors")

    def digest() -> str:
        source = resolve_image_tokenizer(str(folder))
        return load_image_tokenizer(source, device="cpu", decoder=False).tokenizer_hash

    language = next(name for name in weights if "vqmodel" not in name)
    weights[language] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert digest() == tokenizer("chameleon").tokenizer_hash
    weights["model.vqmodel.quantize.embedding.weight"][3, 2] += 1e-6
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert digest() != tokenizer("chameleon").tokenizer_hash


def test_only_the_tokenizers_weights_are_read(
    checkpoint: Callable[[str], Path], tmp_path: Path, tokenizer: Callable[[str], ImageTokenizer]
) -> None:
    """The language model's shard is no safetensors file at all: opening it would fail."""
    folder = copy_of(checkpoint("emu3"), tmp_path)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    files = {name: f"model-0000{1 + ('vqmodel.' in name)}-of-00002.safetensors" for name in weights}
    edit = {"metadata": {}, "weight_map": files}
    (folder / "model.safetensors.index.json").write_text("{}")
    edit_json(folder / "model.safetensors.index.json", **edit)
    (folder / "model-00001-of-00002.safetensors").write_bytes(b"not weights")
    vq = {name: value.bfloat16() for name, value in weights.items() if "vqmodel." in name}
    save_file(vq, folder / "model-00002-of-00002.safetensors")
    model = load_image_tokenizer(resolve_image_tokenizer(str(folder)), device="cpu")
    # In float32, though stored in bfloat16, whose rounding moves some codes.
    rows, whole = encode(model, PICTURES), encode(tokenizer("emu3"), PICTURES)
    same = [np.mean(a.codes == b.codes) for a, b in zip(rows, whole, strict=True)]
    assert np.mean(same) > 0.8
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match="lacks the file model-00002-of-00002"):
        load_image_tokenizer(resolve_image_tokenizer(str(folder)), device="cpu")


def test_incomplete_weights_and_vocabularies_are_refused(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = copy_of(checkpoint("chameleon"), tmp_path)
    source = resolve_image_tokenizer(str(folder))
    edit_json(folder / "config.json", vocabulary_map={"<image>": 4, "IMGIMGAZ": 9})
    with pytest.raises(ModelError, match=r"has 1 tokens for pictures.*the 32 codes"):
        load_image_tokenizer(source, device="cpu", decoder=False)
    weights = load_file(folder / "model.safetensors")
    del weights["model.vqmodel.encoder.conv_in.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 of its weights \(such as encoder.conv_in.bias"):
        load_image_tokenizer(source, device="cpu", decoder=False)


def test_the_protocol_imports_no_torch() -> None:
    code = "import sys, models.image_tokens, models.framing, models.document_vocabulary;"
    code += "print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"
