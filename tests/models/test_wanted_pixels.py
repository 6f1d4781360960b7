"""How large a picture a processor makes use of."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from PIL import Image
from transformers.models.auto import image_processing_auto
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from models.source import DEFAULT_MODEL, ModelSource, resolve_model
from models.wanted_pixels import _BOUNDING_AREA, _FRAMING, shorter_side, wanted_pixels


def _of(kind: str, **settings: Any) -> dict[str, Any]:
    return {"image_processor_type": f"{kind}ImageProcessor", **settings}


def _wanted(
    folder: Path, settings: dict[str, Any], file: str = "preprocessor_config.json"
) -> int | None:
    (folder / file).write_text(json.dumps(settings))
    return wanted_pixels(
        ModelSource(name="x", location=str(folder), revision="0", model_type="llava")
    )


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        ("CLIP", {"size": {"shortest_edge": 336}, "crop_size": {"height": 336}}, 336),
        ("Blip", {"size": {"height": 224, "width": 448}}, 448),
        ("Siglip", {"size": 384}, 384),
        ("Idefics3", {"size": {"longest_edge": 1536}, "max_image_size": {}}, 1536),
        ("Idefics2", {"size": {"shortest_edge": 378, "longest_edge": 980}}, 980),
        ("Qwen2VL", {"size": {"shortest_edge": 3136, "longest_edge": 12845056}}, 3584),
        ("Qwen2VL", {"size": {"shortest_edge": 100, "longest_edge": 3600}}, 60),
        ("Qwen2VL", {"min_pixels": 3136, "max_pixels": 1003520}, 1002),
        ("Emu3", {"size": {"min_pixels": 1, "max_pixels": 1048576}}, 1024),
        ("CLIP", {"size": {"shortest_edge": 336}, "image_grid_pinpoints": [[336, 672]]}, None),
        ("Gemma3", {"size": {"height": 896, "width": 896}, "do_pan_and_scan": True}, None),
        ("Gemma3", {"size": {"height": 896, "width": 896}, "do_pan_and_scan": None}, 896),
        ("CLIP", {"size": {"shortest_edge": 336}, "do_resize": False}, None),
        ("CLIP", {"do_resize": True, "size": {}}, None),
        ("Qwen2VL", {"size": {}}, None),
        ("LlavaNext", {"size": {"shortest_edge": 336}}, None),
        # Its processors cut pictures into tiles, though its own settings do not say so.
        ("GotOcr2", {"size": {"height": 448, "width": 448}, "crop_to_patches": False}, None),
        ("NeverHeardOf", {"size": {"height": 448, "width": 448}}, None),
    ],
)  # fmt: skip
def test_the_bound_is_read_from_the_processor(
    tmp_path: Path, kind: str, settings: dict[str, Any], expected: int | None
) -> None:
    assert _wanted(tmp_path, _of(kind, **settings)) == expected


@pytest.mark.parametrize(
    "field",
    [
        {"image_processor_type": "CLIPImageProcessorFast"},
        {"image_processor_type": "CLIPImageProcessorPil"},
        {"feature_extractor_type": "CLIPFeatureExtractor"},
    ],
)
def test_a_processor_goes_by_several_names(tmp_path: Path, field: dict[str, str]) -> None:
    assert _wanted(tmp_path, {"size": {"shortest_edge": 336}, **field}) == 336


def test_a_processor_without_a_name_gets_full_resolution(tmp_path: Path) -> None:
    assert _wanted(tmp_path, {"size": {"shortest_edge": 336}}) is None


def test_a_processor_of_the_model_s_own_code_gets_full_resolution(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps(_of("CLIP", size={"shortest_edge": 336}, auto_map={"AutoProcessor": "own.P"}))
    )
    source = ModelSource(name="x", location=str(tmp_path), revision="0", model_type="llava")
    assert wanted_pixels(source) == 336
    assert wanted_pixels(replace(source, trust_remote_code=True)) is None


def test_the_processor_may_keep_it_in_a_file_of_its_own(tmp_path: Path) -> None:
    nested = {
        "image_processor": _of("CLIP", size={"shortest_edge": 96}),
        "image_seq_length": 9,
    }
    assert _wanted(tmp_path, nested, "processor_config.json") == 96


def test_a_processor_file_without_it_leaves_it_to_the_other(tmp_path: Path) -> None:
    (tmp_path / "processor_config.json").write_text('{"image_seq_len": 64}')
    assert _wanted(tmp_path, _of("CLIP", size={"shortest_edge": 336})) == 336


def test_no_file_tells_nothing(tmp_path: Path) -> None:
    source = ModelSource(name="x", location=str(tmp_path), revision="0", model_type="llava")
    assert wanted_pixels(source) is None


def test_the_embedded_model_wants_64() -> None:
    assert wanted_pixels(resolve_model(DEFAULT_MODEL)) == 64


# Smaller than their defaults, for speed: the kind of bound is what matters.
_AREA = {"shortest_edge": 4096, "longest_edge": 40_000}
_SMALL: dict[str, dict[str, Any]] = {
    "Emu3": {"min_pixels": 4096, "max_pixels": 40_000},
    "Glm46V": {"size": _AREA},
    "Glm4v": {"size": _AREA},
    "Idefics2": {"size": {"shortest_edge": 100, "longest_edge": 200}},
    "Idefics3": {"size": {"longest_edge": 400}, "max_image_size": {"longest_edge": 100}},
    "PaddleOCRVL": {"size": _AREA},
    "Pixtral": {"size": {"longest_edge": 200}},
    "Qwen2VL": {"size": _AREA},
    "SmolVLM": {"size": {"longest_edge": 400}, "max_image_size": {"longest_edge": 100}},
    "VideoLlama3": {"size": _AREA},
}


def _shapes(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_shapes(item) for item in value]
    return tuple(value.shape) if hasattr(value, "shape") else value


def _image_processors() -> list[str]:
    known: dict[str, Any] = vars(image_processing_auto)["IMAGE_PROCESSOR_MAPPING_NAMES"]
    names = set()
    for model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        found = known.get(model_type) or {}
        names |= {name for name in found.values() if name and not name.endswith("Pil")}
    return sorted(names)


def test_every_processor_with_a_bound_is_run_below() -> None:
    names = _image_processors()
    assert {f"{kind}ImageProcessor" for kind in _FRAMING + _BOUNDING_AREA} <= set(names)


@pytest.mark.parametrize("name", _image_processors())
def test_a_reduced_picture_gives_what_the_whole_gives(name: str) -> None:
    """Of every image processor of the library, as many pixels from the one as from the other."""
    kind = name.removesuffix("ImageProcessor")
    try:
        processor = getattr(transformers, name)(**_SMALL.get(kind, {}))
    except (ImportError, TypeError, ValueError):
        pytest.skip("It cannot be made here with its defaults.")
    wanted = shorter_side(processor.to_dict())
    if wanted is None:
        return
    picture = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    # Twice, four and six times as large, one of them long: a multiple of 56 stays in proportion.
    side = math.ceil(wanted / 56) * 56
    for width, height in ((2 * side, 2 * side), (6 * side, 2 * side), (2 * side, 4 * side)):
        large = Image.fromarray(picture).resize((width, height))
        whole, reduced = (
            {key: _shapes(value) for key, value in processor(image).items()}
            for image in (large, large.reduce(2))
        )
        assert whole == reduced
