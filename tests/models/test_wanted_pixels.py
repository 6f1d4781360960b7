"""How large a picture a processor makes use of."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.source import DEFAULT_MODEL, ModelSource, resolve_model
from models.wanted_pixels import wanted_pixels


def _wanted(
    folder: Path, settings: dict[str, Any], file: str = "preprocessor_config.json"
) -> int | None:
    (folder / file).write_text(json.dumps(settings))
    return wanted_pixels(
        ModelSource(name="x", location=str(folder), revision="0", model_type="llava")
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}, 336),
        ({"size": {"height": 224, "width": 448}}, 448),
        ({"size": 384}, 384),
        ({"size": {"longest_edge": 1536}, "max_image_size": {"longest_edge": 364}}, 1536),
        ({"size": {"shortest_edge": 3136, "longest_edge": 12845056}}, 3584),
        ({"size": {"longest_edge": 3600}, "image_processor_type": "Qwen2VLImageProcessor"}, 60),
        ({"min_pixels": 3136, "max_pixels": 1003520}, 1002),
        ({"size": {"min_pixels": 1, "max_pixels": 1048576}}, 1024),
        ({"size": {"shortest_edge": 336}, "image_grid_pinpoints": [[336, 672]]}, None),
        ({"size": {"height": 896, "width": 896}, "do_pan_and_scan": True}, None),
        ({"size": {"height": 896, "width": 896}, "do_pan_and_scan": None}, 896),
        ({"size": {"shortest_edge": 336}, "do_resize": False}, None),
        ({"do_resize": True}, None),
    ],
)  # fmt: skip
def test_the_bound_is_read_from_the_processor(
    tmp_path: Path, settings: dict[str, Any], expected: int | None
) -> None:
    assert _wanted(tmp_path, settings) == expected


def test_the_processor_may_keep_it_in_a_file_of_its_own(tmp_path: Path) -> None:
    nested = {"image_processor": {"size": {"shortest_edge": 96}}, "image_seq_length": 9}
    assert _wanted(tmp_path, nested, "processor_config.json") == 96


def test_a_processor_file_without_it_leaves_it_to_the_other(tmp_path: Path) -> None:
    (tmp_path / "processor_config.json").write_text('{"image_seq_len": 64}')
    assert _wanted(tmp_path, {"size": {"shortest_edge": 336}}) == 336


def test_no_file_tells_nothing(tmp_path: Path) -> None:
    source = ModelSource(name="x", location=str(tmp_path), revision="0", model_type="llava")
    assert wanted_pixels(source) is None


def test_the_embedded_model_wants_64() -> None:
    assert wanted_pixels(resolve_model(DEFAULT_MODEL)) == 64
