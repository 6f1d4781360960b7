"""How far two pictures differ, when a slight crop and a slight shift of colour count for little."""

import numpy as np
from numpy.typing import NDArray

from storage.duplicates.signature import SIDE, Signatures

Differences = NDArray[np.float32]
_Floats = NDArray[np.float32]

# Of levels (0 to 255). What is left after alignment grows with the contrast of what is shown, by
# about its square root; differences are told as those of pictures of this contrast.
_USUAL_CONTRAST = 40.0
_LEAST_CONTRAST = 8.0
_COLOUR_WEIGHT = 0.75
# The largest shift, and half of the largest change of scale, as parts of the picture's side.
_MOST_SHIFT = 0.025
_STEPS = 3
# The units of the fit: a shift of this part of a side, colours by so many levels, contrast by this.
_SHIFT, _COLOUR, _GAIN = 0.02, 6.0, 0.05
_RIDGE = 0.02
_PAIRS_AT_ONCE = 1024
_CENTRED: NDArray[np.float32] = ((np.arange(SIDE) + 0.5) / SIDE - 0.5).astype(np.float32)


def differences(first: Signatures, second: Signatures) -> Differences:
    """Tell how far pictures differ from one another, pair by pair.

    One picture is shifted and stretched by up to 2.5 % of its side until it lies on the other as
    well as it can, by least squares over the first-order change of a picture that is moved (the
    tangent distance of Simard, LeCun and Denker, 1993, with a step of Gauss and Newton each time
    the picture was moved). Of what differs then, the median of each colour channel is a shift of
    colour, and the rest is noise. With ``m`` the largest of the three shifts and ``r`` the root
    mean square of the rest, both in levels from 0 to 255, and ``c`` the smaller of both pictures'
    contrasts (root mean square about the mean), the difference is ``r * sqrt(40 / c) + 0.75 m``:
    the smallest one of not moving, moving the first and moving the second.

    Args:
        first: uint8 array of shape (pairs, 16, 16, 3).
        second: likewise.

    Returns:
        float32 array of shape (pairs,), in levels; 0 for like signatures.

    """
    found = np.empty(len(first), np.float32)
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        rows = slice(start, start + _PAIRS_AT_ONCE)
        found[rows] = _differences(first[rows].astype(np.float32), second[rows].astype(np.float32))
    return found


def are_near(first: Signatures, second: Signatures, most: float) -> NDArray[np.bool_]:
    """Tell which pairs differ by at most ``most``: bool array of shape (pairs,).

    As :func:`differences`, but of what is near as it stands nothing is moved.
    """
    found = np.empty(len(first), bool)
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        rows = slice(start, start + _PAIRS_AT_ONCE)
        one, other = first[rows].astype(np.float32), second[rows].astype(np.float32)
        near = _difference(one, other, np.minimum(_contrasts(one), _contrasts(other))) <= most
        rest = np.flatnonzero(~near)
        near[rest] = _differences(one[rest], other[rest]) <= most
        found[rows] = near
    return found


def _differences(first: _Floats, second: _Floats) -> Differences:
    contrast = np.minimum(_contrasts(first), _contrasts(second))
    still = _difference(first, second, contrast)
    moved = _difference(_moved(first, second), second, contrast)
    other = _difference(_moved(second, first), first, contrast)
    found: Differences = np.minimum(still, np.minimum(moved, other))
    return found


def _contrasts(pictures: _Floats) -> _Floats:
    variances: _Floats = pictures.var(axis=(1, 2)).mean(axis=1)
    return np.maximum(np.sqrt(variances), np.float32(_LEAST_CONTRAST))


def _difference(first: _Floats, second: _Floats, contrast: _Floats) -> _Floats:
    apart = second - first
    shift: _Floats = np.median(apart.reshape(len(apart), SIDE * SIDE, 3), axis=1)
    apart -= shift[:, None, None]
    rest = np.sqrt(np.square(apart).mean(axis=(1, 2, 3)))
    whole: _Floats = rest * np.sqrt(_USUAL_CONTRAST / contrast)
    whole += _COLOUR_WEIGHT * np.abs(shift).max(axis=1)
    return whole


def _moved(pictures: _Floats, targets: _Floats) -> _Floats:
    """Shift and stretch pictures until they lie on their targets."""
    # Shift to the right and down, then stretch along both axes.
    moves = np.zeros((len(pictures), 4), np.float32)
    moved = pictures
    for _ in range(_STEPS):
        moves = np.clip(moves + _step(moved, targets), -_MOST_SHIFT, _MOST_SHIFT)
        moved = _sampled(pictures, moves)
    return moved


def _step(pictures: _Floats, targets: _Floats) -> _Floats:
    """By how much to move pictures further: float32 array of shape (pictures, 4)."""
    count = len(pictures)
    down, right = np.gradient(pictures, axis=(1, 2))
    basis = np.zeros((count, 8, SIDE, SIDE, 3), np.float32)
    basis[:, 0] = right * (_SHIFT * SIDE)
    basis[:, 1] = down * (_SHIFT * SIDE)
    basis[:, 2] = basis[:, 0] * _CENTRED[None, None, :, None]
    basis[:, 3] = basis[:, 1] * _CENTRED[None, :, None, None]
    for channel in range(3):
        basis[:, 4 + channel, :, :, channel] = _COLOUR
    basis[:, 7] = (pictures - pictures.mean(axis=(1, 2), keepdims=True)) * _GAIN
    flat = basis.reshape(count, 8, SIDE * SIDE * 3)
    apart = (targets - pictures).reshape(count, SIDE * SIDE * 3, 1)
    normal = flat @ flat.transpose(0, 2, 1)
    # A little ridge: what a flat picture does not tell stays as it is.
    normal += np.eye(8, dtype=np.float32) * (_RIDGE * flat.shape[2])
    solved = np.linalg.solve(normal, flat @ apart)[:, :4, 0]
    return solved.astype(np.float32) * np.float32(_SHIFT)


def _sampled(pictures: _Floats, moves: _Floats) -> _Floats:
    """Pictures read at moved places, linearly between pixels; beyond an edge, the edge."""
    for axis, (shift, stretch) in ((2, (0, 2)), (1, (1, 3))):
        places = _CENTRED * (1 + moves[:, stretch, None]) + moves[:, shift, None]
        places = np.clip((places + 0.5) * SIDE - 0.5, 0, SIDE - 1)
        before = np.minimum(places.astype(np.int64), SIDE - 2)
        part = (places - before).astype(np.float32)
        shape = (-1, 1, SIDE, 1) if axis == 2 else (-1, SIDE, 1, 1)
        before, part = before.reshape(shape), part.reshape(shape)
        low = np.take_along_axis(pictures, before, axis)
        high = np.take_along_axis(pictures, before + 1, axis)
        pictures = low + (high - low) * part
    return pictures
