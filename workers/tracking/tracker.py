"""The tracker: the faces of one video in, the number of a track for each of them out. Pure and deterministic."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from workers.tracking.joining import joined
from workers.tracking.linking import Linking
from workers.tracking.sightings import FrameSeen, Pacing

REVISION = 1
"""Raised whenever the same faces would get other tracks."""
LEAST_GAP_S, GAP_INTERVALS = 2.0, 3.0
"""The gap where none is asked for: so many seconds, or intervals between frames if that is more."""
PAUSE_EVERY = 2_000
"""Frames."""


def default_gap_s(interval_s: float) -> float:
    """How long a face may be out of sight within a track, where nobody says: a detector may miss two frames on end."""
    return max(LEAST_GAP_S, GAP_INTERVALS * interval_s)


def _nothing() -> None:
    """Nothing is to be done meanwhile."""


def tracks_of(frames: Iterable[FrameSeen], pacing: Pacing, pause: Callable[[], None] = _nothing) -> NDArray[np.int32]:
    """The track of every face, frame by frame, in the order in which each frame's faces are given.

    `frames` come in the order of time, no two at the same; frames without faces may be left out. Tracks are numbered
    from 1 in the order in which they begin, from left to right. No track holds two faces of a frame, none is without a
    face for longer than the gap. `pause` is called every second or so, and may raise to break off.
    """
    linking = Linking(pacing)
    for number, frame in enumerate(frames):
        linking.add(frame)
        if number % PAUSE_EVERY == 0:
            pause()
    made = linking.finish()
    tracks = np.empty(len(made.place), np.int32)
    tracks[made.place.rows] = joined(made, pacing, pause) + 1
    return tracks
