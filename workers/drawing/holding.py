"""What of that which was seen is on screen at a moment: held until the next look, never longer than that. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.drawing.work import NO_TRACK, Seen

HELD_STEPS = 1.5
"""A look that was missed shows: what was seen before is held for half a step more, then it is gone."""
_Pts = NDArray[np.int64]
Boxes = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rows:
    """Every frame that was to be looked at, ascending."""

    pts: _Pts
    has_picture: NDArray[np.bool_]
    """False where it could not be decoded."""
    ordinal: NDArray[np.int64]
    """Of the segment it belongs to: where numbers are missing between two frames, a stretch was not looked at."""


def held_until(rows: Rows, step: float | None) -> tuple[_Pts, _Pts]:
    """The PTS of the frames that were looked at, and until when each is held.

    `step` is the distance of two looks in ticks; None where it varies: then it is that to the next frame, or the usual
    one before a stretch that nobody looked at.
    """
    distances = np.full(len(rows.pts), step) if step is not None else _distances(rows)
    longest = rows.pts + np.maximum(1, np.ceil(distances * HELD_STEPS)).astype(np.int64)
    looked = rows.pts[rows.has_picture]
    until = longest[rows.has_picture]
    until[:-1] = np.minimum(until[:-1], looked[1:])
    return looked, until


def _distances(rows: Rows) -> NDArray[np.float64]:
    """From each frame to the next; the usual distance where that tells nothing."""
    found = np.full(len(rows.pts), np.nan)
    found[:-1] = np.where(np.diff(rows.ordinal) <= 1, np.diff(rows.pts), np.nan)
    known = np.isfinite(found)
    return np.where(known, found, np.median(found[known]) if known.any() else 0.0)


class Holding:
    """Says which faces are on screen at any moment, and where."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._first = np.searchsorted(seen.pts, seen.looked, "left")
        self._end = np.searchsorted(seen.pts, seen.looked, "right")
        self._next = _next_of_track(seen)

    def row(self, pts: int) -> int | None:
        """The look that holds at `pts`, by its place in `seen.looked`; None where none does."""
        row = int(np.searchsorted(self._seen.looked, pts, "right")) - 1
        return row if row >= 0 and pts < self._seen.until[row] else None

    def faces(self, pts: int) -> list[tuple[int, Boxes]]:
        """The faces on screen at `pts`, each by its place in `seen`, with its box (x, y, width, height) by then.

        A box moves straight to where the same track is at the next look; what it shows is not made up between.
        """
        row = self.row(pts)
        if row is None:
            return []
        return [(face, self._box(face, row, pts)) for face in range(int(self._first[row]), int(self._end[row]))]

    def _box(self, face: int, row: int, pts: int) -> Boxes:
        seen, later = self._seen, int(self._next[face])
        box: Boxes = seen.xywh[face]
        if later < 0 or seen.until[row] != seen.pts[later]:
            return box
        share = np.float32((pts - seen.pts[face]) / (seen.pts[later] - seen.pts[face]))
        moved: Boxes = box + (seen.xywh[later] - box) * share
        return moved


def _next_of_track(seen: Seen) -> NDArray[np.int64]:
    """By face, the next face of its track; -1: none."""
    following = np.full(seen.faces, -1, np.int64)
    order = np.lexsort((seen.pts, seen.track))
    same = (seen.track[order][1:] == seen.track[order][:-1]) & (seen.track[order][1:] != NO_TRACK)
    following[order[:-1][same]] = order[1:][same]
    return following
