"""How large a picture a model makes use of, read from its processor's files. Imports no torch."""

import math
import re
from typing import Any

from models.files import model_file
from models.folder import PROCESSOR_FILES, read_json
from models.source import ModelSource

# Processors that scale a picture into a frame, or until an edge is so long. Others may cut a large
# picture into more tiles than a small one: which of them do not was found by running each.
_FRAMING = (
    "Blip",
    "CLIP",
    "Chameleon",
    "DeepseekVL",
    "Gemma3",
    "Idefics2",
    "Idefics3",
    "Janus",
    "Llava",
    "Pixtral",
    "Siglip",
    "SmolVLM",
)
# Processors that scale a picture until it has so many pixels.
_BOUNDING_AREA = ("Emu3", "Glm46V", "Glm4v", "PaddleOCRVL", "Qwen2VL", "VideoLlama3")
# Settings by which a processor, listed above or run by code of the model's own, makes tiles.
_TILING = ("image_grid_pinpoints", "do_pan_and_scan", "crop_to_patches", "max_image_tiles")
_TYPE = re.compile(r"(\w+?)(ImageProcessor(Fast|Pil)?|FeatureExtractor)")


def wanted_pixels(source: ModelSource) -> int | None:
    """The shorter side, in pixels, above which more of a picture changes nothing worth having.

    Args:
        source: a resolved model; of a hub model the processor's JSON files are fetched.

    Returns:
        An upper bound over all aspect ratios; None where the model uses full resolution, or
        where its files do not tell.

    """
    for name in PROCESSOR_FILES:
        path = model_file(source, name)
        if path is None:
            continue
        config = read_json(path)
        if source.trust_remote_code and "auto_map" in config:
            return None
        settings = config.get("image_processor", config)
        if isinstance(settings, dict) and ("size" in settings or "max_pixels" in settings):
            return shorter_side(settings)
    return None


def shorter_side(settings: dict[str, Any]) -> int | None:
    """The bound that one image processor's settings imply; see :func:`wanted_pixels`."""
    if not settings.get("do_resize", True) or any(settings.get(key) for key in _TILING):
        return None
    name = settings.get("image_processor_type") or settings.get("feature_extractor_type") or ""
    match = _TYPE.fullmatch(name)
    kind = match[1] if match else ""
    size = settings.get("size")
    if kind in _BOUNDING_AREA:
        return _area_side(settings, size if isinstance(size, dict) else {})
    if kind not in _FRAMING:
        return None
    if isinstance(size, dict):
        # Between two edges it is the longer one that a wide picture may reach.
        edges = ("height", "width", "longest_edge", "shortest_edge")
        return max((int(size[edge]) for edge in edges if size.get(edge)), default=None)
    return size if isinstance(size, int) else None


def _area_side(settings: dict[str, Any], size: dict[str, Any]) -> int | None:
    # Qwen's processors keep areas under the names of edges.
    area = settings.get("max_pixels") or size.get("max_pixels") or size.get("longest_edge")
    return math.ceil(math.sqrt(area)) if area else None
