"""Times for a video whose own are missing, doubled or run backwards: from the order of its packets. Pure."""

import numpy as np
from numpy.typing import NDArray

NO_PTS = np.iinfo(np.int64).min

_Stamps = NDArray[np.int64]


def derived_stamps(pts: _Stamps, dts: _Stamps, duration: _Stamps) -> _Stamps:
    """A stamp for every frame in the order they are shown, strictly ascending; the arguments are in decode order.

    Where every stamp is usable and only their order differs, they are sorted. Else the packets' decode times stand
    in, each gap that is none (absent, doubled, backwards) replaced by the usual distance of two frames.
    """
    if not len(pts):
        return pts
    mixed = np.where(pts == NO_PTS, dts, pts)
    if not (mixed == NO_PTS).any() and len(np.unique(mixed)) == len(mixed) and _never_jumps_back(mixed):
        return np.sort(mixed)
    stamps = dts if (dts != NO_PTS).any() else pts
    known = stamps != NO_PTS
    steps = np.diff(stamps)
    good = known[1:] & known[:-1] & (steps > 0)
    usual = _usual_step(steps[good], duration)
    times = np.concatenate(([0], np.cumsum(np.where(good, steps, usual)))).astype(np.int64)
    anchor = int(np.argmax(known))  # the first packet with a time of its own keeps it
    return times + (stamps[anchor] - times[anchor] if known.any() else 0)


def _never_jumps_back(stamps: _Stamps) -> bool:
    """Reordering moves a frame by a few places; a recording that starts anew moves it by many."""
    order = np.argsort(stamps, kind="stable")
    return bool((np.abs(order - np.arange(len(order))) <= _MOST_REORDERED).all())


_MOST_REORDERED = 16
"""Frames that a decoder may hold back at most (ITU-T H.264, A.3: max_dec_frame_buffering)."""


def _usual_step(steps: _Stamps, duration: _Stamps) -> int:
    """The median distance of two frames; what the packets claim as their duration where there is no distance."""
    if steps.size:
        return max(1, int(np.median(steps)))
    claimed = duration[duration > 0]
    return int(np.median(claimed)) if claimed.size else 1
