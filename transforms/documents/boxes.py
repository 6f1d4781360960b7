"""Objects and where they are, in words.

"Scaling Autoregressive Multi-Modal Models" (arXiv 2309.02591), table 5, has them as ``bottle at
location (199, 130) -> (204, 150)``: left and top, right and bottom, in pixels of the picture that
is drawn.
"""

from collections.abc import Sequence

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


def frame_box(box: Box, size: tuple[int, int], frame: tuple[int, int]) -> Box | None:
    """Carry a box over to the framed picture: shorter side scaled to the frame's, middle cut out.

    Args:
        size: width and height of the picture that the box is in.
        frame: width and height of the frame.

    Returns:
        None where nothing of the box is inside the frame.

    """
    scale = max(frame[0] / size[0], frame[1] / size[1])
    margins = [(side * scale - inner) / 2 for side, inner in zip(size, frame, strict=True)]
    left, top, right, bottom = (
        min(max(edge * scale - margins[at % 2], 0.0), float(frame[at % 2]))
        for at, edge in enumerate(box)
    )
    return (left, top, right, bottom) if left < right and top < bottom else None


def write_boxes(objects: Sequence[tuple[str, Box]]) -> str:
    """Write objects and their boxes as a text."""
    return ", ".join(
        f"{name} at location ({round(left)}, {round(top)}) -> ({round(right)}, {round(bottom)})"
        for name, (left, top, right, bottom) in objects
    )
