"""What a face looked like, in a few bytes: how they are laid out, and how far apart two of them are.

Colours are Lab as OpenCV makes them of 8 bits. Nothing here opens a picture: `workers.detection.appearance` fills the
bytes in the child, the tracker compares them in the parent.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HEAD_SIDE, CLOTHES_SIZE, SCENE_SIZE = 4, (3, 2), (6, 4)
"""Cells of the grids: a square; width and height."""
HEAD = slice(0, 3 * HEAD_SIDE**2)
"""Mean Lab of the cells of a square around the head, row by row."""
CLOTHES = slice(HEAD.stop, HEAD.stop + 3 * CLOTHES_SIZE[0] * CLOTHES_SIZE[1])
"""The same of what lies below the chin."""
SHOWN = CLOTHES.stop
"""How much of the clothes lies within the picture: 0 none, 255 all."""
SCENE = slice(SHOWN + 1, SHOWN + 1 + SCENE_SIZE[0] * SCENE_SIZE[1])
"""Lightness of the cells of the whole picture: it changes at a cut."""
LENGTH = SCENE.stop
"""Bytes of a descriptor."""

Looks = NDArray[np.float32]
"""[faces, LENGTH]; a face of which nothing is known is a row of NaN."""


def looks_of(descriptors: Sequence[bytes | None]) -> Looks:
    """Descriptors as rows. What is none of ours (another length) tells nothing."""
    rows = np.full((len(descriptors), LENGTH), np.nan, np.float32)
    for row, raw in zip(rows, descriptors, strict=True):
        if raw is not None and len(raw) == LENGTH:
            row[:] = np.frombuffer(raw, np.uint8)
    return rows


def apart(one: Looks, other: Looks) -> NDArray[np.float32]:
    """How differently two faces look, 0 to 1, for rows that broadcast against each other; NaN where one is unknown."""
    difference = np.abs(one - other)
    head = difference[..., HEAD] @ _HEAD_WEIGHTS
    clothes = difference[..., CLOTHES] @ _CLOTHES_WEIGHTS
    share = _CLOTHES_SHARE / 255 * np.minimum(one[..., SHOWN], other[..., SHOWN])
    return (head + share * (clothes - head)) / 255  # type: ignore[no-any-return]


def scenes_apart(one: Looks, other: Looks) -> NDArray[np.float32]:
    """The same for whole pictures, of which only the part SCENE is given, whatever their brightness."""
    difference = one - other
    difference = difference - difference.mean(axis=-1, keepdims=True)
    return np.abs(difference).mean(axis=-1) / 255  # type: ignore[no-any-return]


def _weights(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """A weight for each of the three values of each cell; they sum to one. Light changes as a person turns, colour
    hardly does; but colours lie close together in Lab.
    """
    channels = np.array([1.0, 2.0, 2.0], np.float32)
    weights = (cells.reshape(-1, 1) * channels).reshape(-1)
    weights /= weights.sum()
    return weights


_RIM, _INNER = [0.3, 0.7, 0.7, 0.3], [0.7, 1.0, 1.0, 0.7]
_HEAD_WEIGHTS = _weights(np.array([_RIM, _INNER, _INNER, _RIM], np.float32))
"""The corners show what is behind the head."""
_CLOTHES_WEIGHTS = _weights(np.ones(CLOTHES_SIZE, np.float32))
_CLOTHES_SHARE = 0.5
