"""How large a picture a model makes use of, read from its processor's files. Imports no torch."""

import math
from typing import Any

from models.files import model_file
from models.folder import PROCESSOR_FILES, read_json
from models.source import ModelSource

# Processors that cut a picture into tiles, as many as its size asks for: all of it is used.
_TILING = (
    "image_grid_pinpoints",
    "do_pan_and_scan",
    "crop_to_patches",
    "dynamic_hd",
    "max_image_tiles",
)
# An edge longer than this is a count of pixels: Qwen's processors store areas under edge names.
_LONGEST_PLAUSIBLE_EDGE = 1 << 15


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
        settings = config.get("image_processor", config)
        if isinstance(settings, dict) and ("size" in settings or "max_pixels" in settings):
            return shorter_side(settings)
    return None


def shorter_side(settings: dict[str, Any]) -> int | None:
    """The bound that one image processor's settings imply; see :func:`wanted_pixels`."""
    if not settings.get("do_resize", True) or any(settings.get(key) for key in _TILING):
        return None
    size = settings.get("size")
    if isinstance(size, int):
        return size
    size = size if isinstance(size, dict) else {}
    area = settings.get("max_pixels") or size.get("max_pixels")
    shortest, longest = size.get("shortest_edge"), size.get("longest_edge")
    if area is None and longest and (_holds_areas(settings) or longest > _LONGEST_PLAUSIBLE_EDGE):
        area = longest
    if area:
        return math.ceil(math.sqrt(area))
    if shortest:
        return int(shortest)
    edges = [edge for edge in (size.get("height"), size.get("width"), longest) if edge]
    return max(edges, default=None)


def _holds_areas(settings: dict[str, Any]) -> bool:
    return str(settings.get("image_processor_type", "")).startswith(("Qwen2VL", "Glm4", "Emu3"))
