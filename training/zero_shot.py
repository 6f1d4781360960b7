"""How often the caption nearest to a picture is its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.captions import ATTRIBUTES_BEYOND, KINDS, SHAPES, long_captions, short_captions

_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroShot:
    """Fractions of the pictures.

    Attributes:
        pictures: how many there were.
        look: the nearest of the 24 short captions names colour and shape.
        color: it names the colour.
        shape: it names the shape.
        long_look: the nearest of all 648 long captions names colour and shape.
        long_whole: it names size and place too.

    """

    pictures: int
    look: float
    color: float
    shape: float
    long_look: float
    long_whole: float

    def __str__(self) -> str:
        return (
            f"24-way {self.look:.2%}, colour {self.color:.2%}, shape {self.shape:.2%}, "
            f"long captions: colour and shape {self.long_look:.2%}, "
            f"size and place too {self.long_whole:.2%} ({self.pictures} pictures)"
        )


def measure(
    model: Any, processor: Any, pixels: NDArray[np.uint8], kinds: NDArray[np.int64]
) -> ZeroShot:
    """Compare pictures with all captions.

    Args:
        model: a ``CLIPModel``; it is left in evaluation mode.
        processor: its ``CLIPProcessor``.
        pixels: uint8 ``[pictures, height, width, 3]``, RGB.
        kinds: int64 ``[pictures]``, what the pictures show.

    """
    model.eval()
    with torch.inference_mode():
        pictures = torch.cat(
            [
                _pictures(model, processor, pixels[start : start + _AT_ONCE])
                for start in range(0, len(pixels), _AT_ONCE)
            ]
        )
        short = (pictures @ _texts(model, processor, short_captions()).T).argmax(1).numpy()
        every = long_captions(range(int(np.prod(KINDS))))
        long = (pictures @ _texts(model, processor, every).T).argmax(1).numpy()
    looks = kinds // ATTRIBUTES_BEYOND
    return ZeroShot(
        pictures=len(pixels),
        look=_fraction(short == looks),
        color=_fraction(short // len(SHAPES) == looks // len(SHAPES)),
        shape=_fraction(short % len(SHAPES) == looks % len(SHAPES)),
        long_look=_fraction(long // ATTRIBUTES_BEYOND == looks),
        long_whole=_fraction(long == kinds),
    )


def _fraction(right: NDArray[np.bool_]) -> float:
    return float(right.mean())


def _pictures(model: Any, processor: Any, pixels: NDArray[np.uint8]) -> torch.Tensor:
    inputs = processor(images=list(pixels), return_tensors="pt")
    return _unit(model.get_image_features(**inputs))


def _texts(model: Any, processor: Any, texts: list[str]) -> torch.Tensor:
    inputs = processor(text=texts, padding=True, return_tensors="pt")
    return _unit(model.get_text_features(**inputs))


def _unit(features: Any) -> torch.Tensor:
    vectors: torch.Tensor = features.pooler_output
    return torch.nn.functional.normalize(vectors, dim=-1)
