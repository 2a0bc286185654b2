"""From frame to frame: faces that leave no doubt about who they are become tracklets; where there is doubt, one ends.

What is doubtful is decided later, when more is known than two frames.
"""

from typing import Protocol

import numpy as np

from workers.tracking.likeness import Ends, Ids
from workers.tracking.obvious import Obvious
from workers.tracking.sightings import FrameSeen, Pacing, batch_of
from workers.tracking.stepwise import Stepwise
from workers.tracking.tracklets import Tracklets

BATCH_FRAMES = 2_000
DENSE_S = 0.15
"""With no more between frames nobody gets far, and where they were going need not be known."""


class Linker(Protocol):
    """Links the faces of frames on end."""

    def previous(self, faces: Ends, edges: Ids, gap_s: float) -> Ids:
        """Of each face the one of the frame before that it is beyond doubt, by its number here; -1 where none is.

        `edges`: where each frame begins. The first frame is the last one of the call before, where there was one.
        """


class Linking:
    """Takes the frames of a video in the order of time."""

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        dense = pacing.interval_s <= DENSE_S
        self._linker: Linker = Obvious() if dense else Stepwise(pacing.interval_s)
        self._tracklets = Tracklets()
        self._waiting: list[FrameSeen] = []
        self._last: FrameSeen | None = None

    def add(self, frame: FrameSeen) -> None:
        """Take the next frame."""
        if frame.faces:
            self._waiting.append(frame)
        if len(self._waiting) >= BATCH_FRAMES:
            self._link()

    def finish(self) -> Tracklets:
        """Everything that was taken."""
        self._link()
        return self._tracklets

    def _link(self) -> None:
        if not self._waiting:
            return
        known = [] if self._last is None else [self._last]
        whole, carried = (
            batch_of([*known, *self._waiting], self._pacing.known_gap_s),
            len(known[0].faces) if known else 0,
        )
        previous = self._linker.previous(whole.faces, whole.edges, self._pacing.gap_s)
        offset = len(self._tracklets.tracklet) - carried
        fresh = batch_of(self._waiting, self._pacing.known_gap_s) if carried else whole
        previous = previous[carried:]
        self._tracklets.add(fresh, np.where(previous < 0, -1, previous + offset))
        self._last, self._waiting = self._waiting[-1], []
