"""What a face detector is: a picture in, boxes out."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Landmarks = tuple[float, float, float, float, float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Detection:
    """One face, in pixels of the picture given; `landmarks` as in `db.records.Face`."""

    x: float
    y: float
    width: float
    height: float
    landmarks: Landmarks
    confidence: float


class FaceDetector(Protocol):
    """Finds faces. One instance serves one thread."""

    def detect(self, picture: NDArray[np.uint8]) -> list[Detection]:
        """Every face of a BGR picture, uint8 [height, width, 3], in no promised order."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...
