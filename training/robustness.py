"""What a FER+ model loses on pictures as video has them: small, turned, badly cropped, dark, compressed.

    python -m training.robustness MODEL.onnx --data ferplus_valid.npz [--json]

Each picture is changed and scored again; accuracy is by majority, as `training.evaluate` has it. Exits with 1 where
more than 3 points are lost.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.commands import run
from training.data import Faces, load
from training.labels import decided
from training.measures import measure
from training.pictures import enlarged
from training.schedule import FULL_PX
from training.scored import read_model, score

MOST_LOST = 0.03

Pictures = NDArray[np.uint8]
Change = Callable[[Pictures], Pictures]
"""Of one FER2013 picture, uint8 [48, 48], the model's input, uint8 [64, 64]."""


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True, help="pictures and votes", metavar="NPZ")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    asked = parser.parse_args()
    accuracies = dict(measured(read_model(asked.model), load(asked.data)))
    straight = accuracies["as they are"]
    if asked.json:
        print(
            json.dumps({name: {"accuracy": one, "lost": straight - one} for name, one in accuracies.items()}, indent=2)
        )
    else:
        for name, one in accuracies.items():
            print(f"{name:<26} {one:7.2%}   lost {100 * (straight - one):5.2f} points")
    return int(any(straight - one > MOST_LOST for one in accuracies.values()))


def measured(model: bytes, faces: Faces) -> Iterator[tuple[str, float]]:
    """Accuracy under every change, by its name; first the pictures as they are."""
    faces = faces.where(decided(faces.votes))
    for name, change in CHANGES.items():
        pictures = np.stack([change(one) for one in faces.images])
        yield name, measure(score(model, pictures).logits, faces.votes).accuracy


def small(picture: Pictures, side_px: int = 24) -> Pictures:
    """A face of so many pixels, enlarged."""
    return _enlarged(_resized(picture, side_px, cv2.INTER_AREA))


def moved(picture: Pictures, degrees: float = 0, scale: float = 1, right: float = 0, down: float = 0) -> Pictures:
    """A face turned, scaled and shifted (in sides) within its crop; the border goes on as its outermost pixels."""
    angle, factor = math.radians(degrees), scale * FULL_PX / len(picture)
    cos, sin = factor * math.cos(angle), factor * math.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    target = (FULL_PX - 1) / 2 + FULL_PX * np.array([right, down])
    matrix = np.column_stack([linear, target - linear @ np.full(2, (len(picture) - 1) / 2)])
    warped = cv2.warpAffine(
        picture, matrix, (FULL_PX, FULL_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return warped.astype(np.uint8, copy=False)


def relit(picture: Pictures, gamma: float) -> Pictures:
    """A face under another light."""
    tones = (255 * (np.arange(256) / 255) ** gamma).round()
    return tones[_enlarged(picture)].astype(np.uint8)


def compressed(picture: Pictures, quality: int = 30) -> Pictures:
    """A face from a JPEG of that quality."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _enlarged(picture: Pictures) -> Pictures:
    (one,) = enlarged(picture[None])
    return np.asarray(one, np.uint8)


def _resized(picture: Pictures, side_px: int, kind: int) -> Pictures:
    return cv2.resize(picture, (side_px, side_px), interpolation=kind).astype(np.uint8, copy=False)


CHANGES: dict[str, Change] = {
    "as they are": _enlarged,
    "24 pixels, enlarged": small,
    "turned by -15 degrees": lambda one: moved(one, degrees=-15),
    "turned by 15 degrees": lambda one: moved(one, degrees=15),
    "10 % to the left": lambda one: moved(one, right=-0.1),
    "10 % to the right": lambda one: moved(one, right=0.1),
    "10 % up": lambda one: moved(one, down=-0.1),
    "10 % down": lambda one: moved(one, down=0.1),
    "crop 10 % too large": lambda one: moved(one, scale=1 / 1.1),
    "crop 10 % too small": lambda one: moved(one, scale=1 / 0.9),
    "gamma 0.5": lambda one: relit(one, 0.5),
    "gamma 2": lambda one: relit(one, 2.0),
    "JPEG 30 at 48 pixels": lambda one: _enlarged(compressed(one)),
    "JPEG 30 at 64 pixels": lambda one: compressed(_enlarged(one)),
}


if __name__ == "__main__":
    run(main)
