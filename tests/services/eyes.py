"""What a stand-in sees in a picture, by the local models: so that its answers are about the faces that were sent."""

import hashlib
import io
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from db.records import Face
from workers.analysis import DetectorSpec, ScorerSpec
from workers.detection.base import FaceDetector
from workers.detection.catalogue import open_detector
from workers.detection.crop import aligned_crop
from workers.detection.faces import find_faces
from workers.scoring.base import EmotionScorer
from workers.scoring.catalogue import open_scorer

REMEMBERED = 512
MAX_SIDE = 1920
"""Larger pictures are reduced before faces are looked for: a sheet of many faces must not be."""


@dataclass(frozen=True)
class Sight:
    """A picture that could be decoded: its size as a person sees it, and its faces, the largest first."""

    width: int
    height: int
    form: str
    faces: tuple[Face, ...]
    scores: NDArray[np.float32]
    """[n, 8]"""


class Eyes:
    """Detector and scorer, opened when first needed; what was seen once is remembered. Serves many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[bytes, Sight | None] = OrderedDict()
        self._detector: FaceDetector | None = None
        self._scorer: EmotionScorer | None = None

    def look(self, picture: bytes) -> Sight | None:
        """The faces of a picture; None where it cannot be decoded."""
        name = hashlib.sha256(picture).digest()
        with self._lock:
            if name not in self._seen:
                self._seen[name] = self._look(picture)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            return self._seen[name]

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities of gray crops, uint8 [n, 64, 64]."""
        with self._lock:
            return self._score(crops)

    def _look(self, picture: bytes) -> Sight | None:
        try:
            with Image.open(io.BytesIO(picture), formats=("JPEG", "PNG", "GIF", "BMP")) as opened:
                form = str(opened.format).lower()
                pixels = np.array(ImageOps.exif_transpose(opened).convert("RGB"))[:, :, ::-1]
        except (OSError, SyntaxError, ValueError):
            return None
        if self._detector is None:
            self._detector = open_detector(DetectorSpec(max_side=MAX_SIDE, min_face=1), "cpu")
        bgr = np.ascontiguousarray(pixels)
        faces, _ = find_faces(self._detector, bgr, 1)
        faces.sort(key=lambda face: -face.box_width * face.box_height)
        crops = [aligned_crop(bgr, face) for face in faces]
        scores = self._score(np.stack(crops)) if crops else np.empty((0, 8), np.float32)
        return Sight(bgr.shape[1], bgr.shape[0], form, tuple(faces), scores)

    def _score(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._scorer is None:
            self._scorer = open_scorer(ScorerSpec("ferplus"), "cpu")
        scores = self._scorer.score(crops)
        assert scores is not None
        return scores


EYES = Eyes()
"""One pair a process: models take a moment to load, and no stand-in needs its own."""


def is_large_enough(face: Face, sight: Sight, least_px: int) -> bool:
    """Whether a service sees a face, which sees `least_px` in pictures of up to 1920 x 1080 and less well in larger."""
    longer, shorter = max(sight.width, sight.height), min(sight.width, sight.height)
    return max(face.box_width, face.box_height) >= least_px * max(1.0, longer / 1920, shorter / 1080)
