"""The boxes of a picture as COCO annotations have them."""

import math
from collections.abc import Mapping
from typing import Any

from storage.catalog.columns import plain_text


def box_object(
    annotation: Mapping[str, Any], categories: Mapping[str, str], size: tuple[Any, Any]
) -> dict[str, Any] | str:
    """Turn an annotation's box into an object with a name.

    Args:
        annotation: its ``bbox`` is left, top, width and height.
        categories: names by ids.
        size: width and height of the picture; anything but numbers where they are not known.

    Returns:
        ``name``, and ``box``: left, top, right and bottom in pixels, cut at the picture's edges;
        ``crowd`` where the box is of many; or what is wrong, in words.

    """
    category = plain_text(annotation.get("category_id"))
    if category not in categories:
        return f"its category {category or 'null'} is not listed"
    box = annotation["bbox"]
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        return "its box is not four numbers"
    left, top, width, height = box
    right, bottom = left + width, top + height
    if width <= 0 or height <= 0:
        return "its box is empty"
    left, top = max(left, 0), max(top, 0)
    if _is_number(size[0]):
        right = min(right, size[0])
    if _is_number(size[1]):
        bottom = min(bottom, size[1])
    if left >= right or top >= bottom:
        return "its box lies outside the picture"
    # Sums of numbers with two digits after the point: no more of them than these had.
    found = {
        "name": categories[category],
        "box": [round(value, 2) for value in (left, top, right, bottom)],
    }
    return found | {"crowd": True} if annotation.get("iscrowd") else found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
