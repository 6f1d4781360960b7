"""What is said of a picture of one coloured shape, in the words of the describing model.

A picture's *kind* is one number for its colour, shape, size and place: its index in an array of
the shape ``KINDS``. Colour and shape alone are ``kind // ATTRIBUTES_BEYOND``, an index in 24.
"""

from collections.abc import Sequence

import numpy as np

COLORS = ("red", "green", "blue", "black", "gray", "teal", "brown", "yellow")
SHAPES = ("circle", "triangle", "rectangle")
SIZES = ("small", "medium", "large")
# Row by row, so that a place's number is three times its row plus its column.
PLACES = (
    "top left",
    "top center",
    "top right",
    "middle left",
    "center",
    "middle right",
    "bottom left",
    "bottom center",
    "bottom right",
)

KINDS = (len(COLORS), len(SHAPES), len(SIZES), len(PLACES))
LOOKS = len(COLORS) * len(SHAPES)
"""How many pairs of a colour and a shape there are."""
ATTRIBUTES_BEYOND = len(SIZES) * len(PLACES)

# The first form of each is what the describing model says; the others are taught besides, so that
# an article or a full stop does not move a caption far.
SHORT_FORMS = ("a {color} {shape}", "a {color} {shape}.", "{color} {shape}")
LONG_FORMS = (
    "a {size} {color} {shape} in the {place} of the image, drawn on a light background.",
    "a {size} {color} {shape} in the {place} of the image",
    "a {size} {color} {shape} at the {place}",
)


def short_captions(form: str = SHORT_FORMS[0]) -> list[str]:
    """The captions of all 24 pairs of colour and shape, in the order of their numbers."""
    return [form.format(color=color, shape=shape) for color in COLORS for shape in SHAPES]


def long_captions(kinds: Sequence[int], form: str = LONG_FORMS[0]) -> list[str]:
    """The captions of some kinds, with size and place."""
    return [
        form.format(color=COLORS[color], shape=SHAPES[shape], size=SIZES[size], place=PLACES[place])
        for color, shape, size, place in np.transpose(np.unravel_index(np.asarray(kinds), KINDS))
    ]
