"""FER2013 pictures as a FER+ graph takes them: 64 x 64, enlarged as the first model's figures were measured."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.schedule import FULL_PX


def enlarged(pictures: NDArray[np.uint8], side_px: int = FULL_PX) -> NDArray[np.uint8]:
    """Linearly interpolated to uint8 [n, side, side]; what is evaluated is always enlarged so."""
    if not len(pictures):
        return np.empty((0, side_px, side_px), np.uint8)
    sized = [cv2.resize(one, (side_px, side_px), interpolation=cv2.INTER_LINEAR) for one in pictures]
    return np.stack(sized).astype(np.uint8, copy=False)


def to_input(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A graph's input, float32 [n, 1, side, side], 0..255 unscaled."""
    return pictures.astype(np.float32)[:, None]
