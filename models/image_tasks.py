"""What a model is given of requests that say more than a text: templates of the paper's table 5.

arXiv 2309.02591, section 4. A ``<break>`` of the templates is what a model's family writes around a
picture. Imports no torch.
"""

from collections.abc import Sequence

from schemas.generation_request import Box

_GROUNDED = "Generate high quality image of {caption} with segmentations {objects}"
_STRUCTURED = "Make high quality image from {feature} features"


def grounded_prompt(caption: str, boxes: Sequence[Box]) -> str:
    """What asks for things in their places: before the picture that is to be made.

    Args:
        caption: what the picture is to show.
        boxes: one at least; in pixels of that picture.

    """
    objects = ", ".join(
        f"{box.label} at location ({box.left}, {box.top}) -> ({box.right}, {box.bottom})"
        for box in boxes
    )
    return _GROUNDED.format(caption=caption, objects=objects)


def structure_lead(feature: str) -> str:
    """What stands before a picture of a structure; the caption stands behind it.

    Args:
        feature: what the picture shows: ``edge``, say, or ``segmentation``.

    """
    return _STRUCTURED.format(feature=feature)
