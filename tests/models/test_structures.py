"""Structure of pictures whose edges are known."""

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from models.structures import Feature, StructureMaker

TOP, LEFT, BOTTOM, RIGHT = 50, 80, 120, 220
FEATURES: tuple[Feature, ...] = get_args(Feature)


@pytest.fixture
def rectangle() -> NDArray[np.uint8]:
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[TOP:BOTTOM, LEFT:RIGHT] = (255, 200, 30)
    return pixels


def make(feature: Feature, pixels: NDArray[np.uint8], resolution: int = 512) -> NDArray[np.uint8]:
    return StructureMaker(feature=feature, resolution=resolution).make(pixels)


def from_border(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many pixels each lies away, by rows or columns, from where the two colours meet."""
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    beyond = np.stack([TOP - rows, rows - BOTTOM + 1, LEFT - columns, columns - RIGHT + 1])
    outside = beyond.max(axis=0)
    return np.asarray(np.where(outside > 0, outside, 1 - outside))


def test_edges_are_the_border_of_a_rectangle_and_nothing_else(rectangle: NDArray[np.uint8]) -> None:
    edges = make("edge", rectangle)
    assert edges.shape == (200, 300)
    assert set(np.unique(edges)) == {0, 255}
    rows, columns = np.nonzero(edges)
    assert (from_border(rectangle)[rows, columns] <= 1).all()
    # Every side is found from end to end.
    for found, start, stop in ((columns, LEFT, RIGHT), (rows, TOP, BOTTOM)):
        assert set(range(start + 2, stop - 2)) <= set(found)
    # Lines of one pixel: not many more than the rectangle's outline has.
    outline = 2 * (BOTTOM - TOP) + 2 * (RIGHT - LEFT)
    assert outline <= len(rows) <= 1.5 * outline


def test_soft_edges_fade_away_from_the_border(rectangle: NDArray[np.uint8]) -> None:
    soft = make("blurred-edge", rectangle).astype(float)
    away = from_border(rectangle)
    assert soft.max() == 255
    assert soft[away <= 1].min() > 60
    assert soft[away > 12].max() == 0
    across = soft[85, LEFT - 10 : LEFT]
    assert (np.diff(across) >= 0).all()
    assert len(np.unique(across)) > 4


def test_segments_are_the_colours_of_the_regions(rectangle: NDArray[np.uint8]) -> None:
    assert np.array_equal(make("segmentation", rectangle), rectangle)
    noisy = np.random.default_rng(0).normal(rectangle.astype(float), 1.0).clip(0, 255)
    segments = make("segmentation", noisy.astype(np.uint8))
    colors, counts = np.unique(segments.reshape(-1, 3), axis=0, return_counts=True)
    assert len(colors) == 2
    assert sorted(counts) == [(BOTTOM - TOP) * (RIGHT - LEFT), 200 * 300 - 70 * 140]


@pytest.mark.parametrize("feature", FEATURES)
def test_any_picture_has_a_structure(feature: Feature) -> None:
    plain = np.full((64, 48, 3), 90, np.uint8)
    made = make(feature, plain)
    assert made.max() == (90 if feature == "segmentation" else 0)
    generator = np.random.default_rng(0)
    for height, width in ((1, 1), (1, 300), (3, 5)):
        pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        assert make(feature, pixels).shape[:2] == (height, width)


def test_large_pictures_are_scaled_first(rectangle: NDArray[np.uint8]) -> None:
    assert make("edge", rectangle, resolution=150).shape == (100, 150)
    assert make("edge", rectangle, resolution=300).shape == (200, 300)
