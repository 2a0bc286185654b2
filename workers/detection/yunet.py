"""YuNet (Wu et al., 2023; OpenCV Zoo, face_detection_yunet_2023mar) on ONNX Runtime, at any picture size.

Numerically it follows cv2.FaceDetectorYN, the oracle of its tests: zero padding to a multiple of 32 at the right and
the bottom, score = sqrt(class x objectness), greedy suppression at an overlap of 0.3.
"""

from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.analysis import DetectorSpec
from workers.detection.base import Detection
from workers.models.catalogue import load_verified
from workers.sessions.dynamic import with_dynamic_size
from workers.sessions.ort import OrtSession

STRIDES = (8, 16, 32)
PAD = 32
OVERLAP = 0.3
CANDIDATES = 5000
"""The best this many candidates go into the suppression, as in OpenCV."""


class YuNet:
    """A detector for one thread. `spec.max_side` bounds the picture's longer side; smaller ones are not enlarged."""

    def __init__(self, spec: DetectorSpec, device: str = "auto") -> None:
        self._max_side = spec.max_side
        self._confidence = spec.confidence
        self._session = OrtSession(with_dynamic_size(load_verified("yunet")), "yunet", device)
        self._tensor = np.zeros((1, 3, 0, 0), np.float32)
        self._shown = (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._session.close()

    def detect(self, picture: NDArray[np.uint8]) -> list[Detection]:
        """Every face of a BGR picture, uint8 [height, width, 3]."""
        small, (scale_x, scale_y) = reduce_to(picture, self._max_side)
        outputs = dict(zip(self._session.outputs, self._session.run({"input": self._filled(small)}), strict=True))
        rows = _candidates(outputs, _padded(small.shape[1]), self._confidence)
        kept = _suppress(rows, self._confidence)
        return [_detection(row, scale_x, scale_y) for row in kept]

    def _filled(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The tensor of a BGR picture, float32 [1, 3, height, width], padded with zeros to multiples of 32.

        It is the same memory for pictures of one size, so it holds good until the next one: fetching a new one from the
        system takes ten times as long as filling it.
        """
        height, width = picture.shape[:2]
        if self._shown != (height, width):
            self._shown = (height, width)
            self._tensor = np.zeros((1, 3, _padded(height), _padded(width)), np.float32)
        for channel, plane in enumerate(cv2.split(picture)):
            self._tensor[0, channel, :height, :width] = plane
        return self._tensor


def reduce_to(picture: NDArray[np.uint8], max_side: int) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """The picture with its longer side at most `max_side`, and how many of its pixels go into one, across and down.

    It is halved by averaging as often as that goes, for fine detail must not alias, and the rest is interpolated:
    averaging to any other size would take as long as the net itself.
    """
    height, width = picture.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return picture, (1.0, 1.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    times = 1 << max(0, min(width // size[0], height // size[1]).bit_length() - 1)
    width, height = width - width % times, height - height % times  # halved without a rest
    small = picture[:height, :width]
    while small.shape[1] > width // times:
        small = _resized(small, (small.shape[1] // 2, small.shape[0] // 2), cv2.INTER_AREA)
    return _resized(small, size, cv2.INTER_LINEAR), (width / size[0], height / size[1])


def _resized(picture: NDArray[np.uint8], size: tuple[int, int], how: int) -> NDArray[np.uint8]:
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return cv2.resize(picture, size, interpolation=how).astype(np.uint8, copy=False)


def _padded(length: int) -> int:
    return -(-length // PAD) * PAD


def _candidates(outputs: dict[str, NDArray[np.float32]], padded_width: int, confidence: float) -> NDArray[np.float32]:
    """float32 [n, 15]: x, y, width, height, ten landmark coordinates, score; in detection pixels."""
    found = []
    for stride in STRIDES:
        score = _scores(outputs[f"cls_{stride}"], outputs[f"obj_{stride}"])
        above = np.flatnonzero(score >= confidence)
        if not above.size:
            continue
        row, column = np.divmod(above, padded_width // stride)
        anchor = np.stack((column, row), axis=1).astype(np.float32)
        box = outputs[f"bbox_{stride}"][0][above]
        size = np.exp(box[:, 2:]) * stride
        corner = (anchor + box[:, :2]) * stride - size / 2
        points = (outputs[f"kps_{stride}"][0][above].reshape(-1, 5, 2) + anchor[:, None]) * stride
        found.append(np.concatenate((corner, size, points.reshape(-1, 10), score[above, None]), axis=1))
    return np.concatenate(found) if found else np.empty((0, 15), np.float32)


def _scores(classes: NDArray[np.float32], objectness: NDArray[np.float32]) -> NDArray[np.float32]:
    product = np.clip(classes[0, :, 0], 0, 1) * np.clip(objectness[0, :, 0], 0, 1)
    return np.sqrt(product).astype(np.float32, copy=False)


def _suppress(rows: NDArray[np.float32], confidence: float) -> NDArray[np.float32]:
    if not len(rows):
        return rows
    boxes = [tuple(map(int, row[:4])) for row in rows]  # OpenCV suppresses on whole pixels, cut off
    kept = cv2.dnn.NMSBoxes(boxes, rows[:, 14].tolist(), confidence, OVERLAP, top_k=CANDIDATES)
    return rows[np.asarray(kept, dtype=np.intp).reshape(-1)]


def _detection(row: NDArray[np.float32], scale_x: float, scale_y: float) -> Detection:
    x, y, width, height, *points, score = map(float, row)
    scales = (scale_x, scale_y) * 5
    landmarks = tuple(point * scale for point, scale in zip(points, scales, strict=True))
    return Detection(x * scale_x, y * scale_y, width * scale_x, height * scale_y, landmarks, min(score, 1.0))  # type: ignore[arg-type]
