"""Structure of pictures: edges, soft edges and segments, as pictures. scikit-image does the work.

It is imported when the first picture is at hand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LIBRARY = "scikit-image"

Feature = Literal["edge", "blurred-edge", "segmentation"]
"""``edge``: lines of one pixel (Canny). ``blurred-edge``: how steep the blurred picture is, soft
and wide as what HED finds, but not learned. ``segmentation``: regions, each in its mean colour
(Felzenszwalb and Huttenlocher 2004)."""

_SETTINGS: Mapping[Feature, Mapping[str, float]] = {
    "edge": {"sigma": 1.0},
    "blurred-edge": {"sigma": 2.0},
    "segmentation": {"scale": 100.0, "sigma": 0.8, "min_size": 50},
}
_FUNCTIONS: Mapping[Feature, str] = {
    "edge": "skimage.feature.canny",
    "blurred-edge": "skimage.filters.sobel",
    "segmentation": "skimage.segmentation.felzenszwalb",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureMaker:
    """Takes one feature of pictures.

    Attributes:
        feature: which.
        resolution: a picture whose longer side has more pixels is scaled to so many.

    """

    feature: Feature
    resolution: int

    @property
    def settings(self) -> dict[str, str | float]:
        """What a picture of a structure follows from, beside the pixels."""
        return {
            "library": LIBRARY,
            "version": version(LIBRARY),
            "function": _FUNCTIONS[self.feature],
            **_SETTINGS[self.feature],
            "resolution": self.resolution,
        }

    def make(self, pixels: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
        """Take the feature of a picture.

        Args:
            pixels: uint8 array of shape (height, width, 3), RGB.

        Returns:
            A uint8 array: of edges of shape (height, width), grey, black where there are none; of
            segments of shape (height, width, 3).

        """
        return _MAKERS[self.feature](self.scale(pixels))

    def scale(self, pixels: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
        """Scale a picture down to the resolution, with its proportions kept (Lanczos)."""
        import numpy as np
        from PIL import Image

        if max(pixels.shape[:2]) <= self.resolution:
            return pixels
        image = Image.fromarray(pixels)
        image.thumbnail((self.resolution, self.resolution), Image.Resampling.LANCZOS)
        return np.asarray(image)


def _edges(pixels: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    from skimage.color import rgb2gray
    from skimage.feature import canny
    from skimage.util import img_as_ubyte

    return _bytes(img_as_ubyte(canny(rgb2gray(pixels), **_SETTINGS["edge"])))


def _soft_edges(pixels: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    from skimage.color import rgb2gray
    from skimage.filters import gaussian, sobel
    from skimage.util import img_as_ubyte

    steepness = sobel(gaussian(rgb2gray(pixels), **_SETTINGS["blurred-edge"]))
    # A plain picture has no edges, and sums are not quite nothing.
    most = steepness.max()
    return _bytes(img_as_ubyte(steepness / most if most > 1e-6 else steepness * 0))


def _segments(pixels: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    from skimage.color import label2rgb
    from skimage.segmentation import felzenszwalb

    labels = felzenszwalb(pixels, channel_axis=2, **_SETTINGS["segmentation"])
    return _bytes(label2rgb(labels, pixels, kind="avg", bg_label=-1))


def _bytes(found: Any) -> "NDArray[np.uint8]":
    import numpy as np

    return np.asarray(found, np.uint8)


_MAKERS: Mapping[Feature, Callable[["NDArray[np.uint8]"], "NDArray[np.uint8]"]] = {
    "edge": _edges,
    "blurred-edge": _soft_edges,
    "segmentation": _segments,
}
