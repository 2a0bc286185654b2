"""What the tracker is told: the faces of one video, frame by frame; and frames on end as flat arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.tracking.likeness import Ends, Ids
from workers.tracking.look import SCENE, looks_of

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels."""


@dataclass(frozen=True, slots=True)
class FaceSeen:
    """What is known of one face."""

    box: Box
    appearance: bytes | None = None
    track: int | None = None
    """What an earlier assignment said, if there was one."""


@dataclass(frozen=True, slots=True)
class FrameSeen:
    """The faces of one frame, in any order."""

    time_s: float
    faces: Sequence[FaceSeen]


@dataclass(frozen=True, slots=True)
class Pacing:
    """Times that decide, in seconds."""

    gap_s: float
    """How long a face may be out of sight within a track."""
    interval_s: float
    """Mean time between frames that were looked at."""
    known_gap_s: float = 0.0
    """The gap of the tracks that faces had before."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The faces of frames on end, each frame's from left to right: the order in which they are given decides nothing.

    None of them has a past: their speeds are unknown.
    """

    faces: Ends
    edges: Ids
    """Where each frame begins among the faces, and where the last one ends."""
    places: Ids
    """Of each face its number among all faces of the batch as they were given."""


def batch_of(frames: Sequence[FrameSeen], known_gap_s: float) -> Batch:
    """Frames as one batch; frames without faces are left out."""
    frames = [frame for frame in frames if frame.faces]
    counts = [len(frame.faces) for frame in frames]
    edges = np.append(0, np.cumsum(counts, dtype=np.int64)).astype(np.int64)
    orders = [_order(frame.faces) for frame in frames]
    faces = [frame.faces[number] for frame, order in zip(frames, orders, strict=True) for number in order]
    places = np.array([number for order in orders for number in order], np.int64) + np.repeat(edges[:-1], counts)
    times = np.repeat([frame.time_s for frame in frames], counts)
    return Batch(_ends(times, faces, known_gap_s), edges, places)


def _order(faces: Sequence[FaceSeen]) -> list[int]:
    if len(faces) == 1:
        return [0]
    return sorted(range(len(faces)), key=lambda number: (*faces[number].box, faces[number].appearance or b""))


def _ends(times: NDArray[np.float64], faces: Sequence[FaceSeen], known_gap_s: float) -> Ends:
    boxes = np.array([face.box for face in faces], np.float64).reshape(-1, 4)
    looks = looks_of([face.appearance for face in faces])
    still = np.zeros(len(boxes))
    before = np.array([-1 if face.track is None else face.track for face in faces], np.int64)
    return Ends(
        time_s=times,
        x=boxes[:, 0] + boxes[:, 2] / 2,
        y=boxes[:, 1] + boxes[:, 3] / 2,
        high=np.maximum(boxes[:, 3], 1.0),
        speed_x=still,
        speed_y=still,
        moves=still,
        looks=looks,
        scenes=looks[:, SCENE],
        before=before,
        known_s=np.where(before >= 0, known_gap_s, -1.0),
    )


class Rows:
    """A table that grows at its end, in one piece of memory."""

    def __init__(self, dtype: Any, width: int | None = None) -> None:
        self._rest = () if width is None else (width,)
        self._all: NDArray[Any] = np.empty((1024, *self._rest), dtype)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: NDArray[Any]) -> None:
        """Add rows."""
        count = self._count + len(rows)
        if count > len(self._all):
            larger = np.empty((2 * count, *self._rest), self._all.dtype)
            larger[: self._count] = self.rows
            self._all = larger
        self._all[self._count : count] = rows
        self._count = count

    @property
    def rows(self) -> NDArray[Any]:
        """What is there; it may be written into."""
        return self._all[: self._count]
