"""Where faces must be covered at a moment so that none peeps out between two looks. Pure."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.drawing.holding import Holding
from workers.drawing.work import NO_TRACK, Seen

AROUND = 0.35
"""Margin on each side, in lengths of that side: a detector's box ends at the chin and the hair."""
BESIDE = 0.7
"""The same where it is not known where a face came from, or goes."""
LEAST_S = 0.5
"""So much longer at least: who turns away is lost to the detector before they are to the eye."""
WHOLE = "whole"
_Edges = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the picture: left, top, right, bottom in its pixels; it may reach over the edges."""

    left: float
    top: float
    right: float
    bottom: float

    def joined(self, other: "Region") -> "Region":
        """The smallest that holds both."""
        return Region(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


class Covering:
    """Says what to cover, for moments that are asked for in the order of time. `least` is LEAST_S in ticks; None: it is
    a photo.

    A face is covered from the look before it was first seen until the look after it was last seen. Between two looks
    at a track, that is all from the one place to the other. What nobody looked at is covered whole.
    """

    def __init__(self, seen: Seen, width: int, height: int, least: int | None) -> None:
        self._holding = Holding(seen)
        self._whole = Region(0, 0, width, height)
        self._start, self._end, self._edges, self._key = _stretches(seen, least)
        self._next = 0
        self._active: list[int] = []

    def at(self, pts: int) -> dict[Hashable, Region]:
        """What to cover at `pts`, by whom it covers."""
        while self._next < len(self._start) and self._start[self._next] <= pts:
            self._active.append(self._next)
            self._next += 1
        self._active = [at for at in self._active if self._end[at] >= pts]
        if self._holding.row(pts) is None:
            return {WHOLE: self._whole}
        found: dict[Hashable, Region] = {}
        for at in self._active:
            region, key = Region(*map(float, self._edges[at])), int(self._key[at])
            found[key] = region.joined(found[key]) if key in found else region
        return found


def _stretches(seen: Seen, least: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64], _Edges, NDArray[np.int64]]:
    """From when to when (inclusive), which edges, and whose: by the start."""
    row = np.searchsorted(seen.looked, seen.pts)
    before, after = _looks_around(seen, least or 0)
    order = np.lexsort((seen.pts, seen.track))
    follows = (seen.track[order][1:] == seen.track[order][:-1]) & (seen.track[order][1:] != NO_TRACK)
    earlier, later = order[:-1][follows], order[1:][follows]
    first, last = np.setdiff1d(order, later), np.setdiff1d(order, earlier)
    near, far = _around(seen.xywh, AROUND), _around(seen.xywh, AROUND if least is None else BESIDE)
    paths = np.hstack((np.minimum(near[earlier, :2], near[later, :2]), np.maximum(near[earlier, 2:], near[later, 2:])))
    whose = np.where(seen.track == NO_TRACK, -1 - np.arange(seen.faces), seen.track)
    start = np.concatenate((seen.pts[earlier], before[row[first]], seen.pts[last]))
    end = np.concatenate((seen.pts[later], seen.pts[first], after[row[last]]))
    edges = np.concatenate((paths, far[first], far[last]))
    key = np.concatenate((whose[earlier], whose[first], whose[last]))
    by_start = np.argsort(start, kind="stable")
    return start[by_start], end[by_start], edges[by_start], key[by_start]


def _looks_around(seen: Seen, least: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """By look: the one before and the one after, a step and `least` at least."""
    step = np.maximum(least, seen.until - seen.looked)
    before, after = seen.looked - step, seen.looked + step
    before[1:] = np.minimum(before[1:], seen.looked[:-1])
    after[:-1] = np.maximum(after[:-1], seen.looked[1:])
    return before, after


def _around(xywh: NDArray[np.float32], margin: float) -> _Edges:
    x, y, width, height = xywh.astype(np.float64).T
    return np.stack(
        (x - margin * width, y - margin * height, x + (1 + margin) * width, y + (1 + margin) * height), axis=1
    )
