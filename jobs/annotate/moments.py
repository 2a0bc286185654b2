"""Which moments of a video a contact sheet shows: where each emotion peaks, and others at even distances. Pure."""

from dataclasses import dataclass

import numpy as np

from db.emotions import EMOTIONS
from workers.drawing.work import NOT_SCORED, Seen

MOST_CELLS = 24
LEAST_PEAK = 0.4
"""The probability from which the peak of an emotion is worth a cell."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One moment: a frame that was looked at, and the emotion that peaks there."""

    pts: int
    emotion: int = NOT_SCORED


def chosen(seen: Seen, most: int = MOST_CELLS) -> list[Chosen]:
    """The moments in the order of time, `most` of them where so many frames were looked at."""
    found = {one.pts: one for one in _peaks(seen)[:most]}
    looked = np.unique(seen.looked)
    left = most - len(found)
    free = looked[~np.isin(looked, list(found))]
    if left > 0 and len(free):
        for pts in _evenly(free, left):
            found.setdefault(pts, Chosen(pts))
    return [found[pts] for pts in sorted(found)]


def _peaks(seen: Seen) -> list[Chosen]:
    """Where each emotion that dominates any face is most probable, the strongest first; a frame is named once."""
    peaks: list[tuple[float, int, int]] = []
    for emotion in range(len(EMOTIONS)):
        faces = np.flatnonzero(seen.dominant == emotion)
        if faces.size:
            best = int(faces[np.argmax(seen.scores[faces, emotion])])
            peaks.append((float(seen.scores[best, emotion]), int(seen.pts[best]), emotion))
    strong = sorted((peak for peak in peaks if peak[0] >= LEAST_PEAK), key=lambda peak: -peak[0])
    named: dict[int, Chosen] = {}
    for _, pts, emotion in strong:
        named.setdefault(pts, Chosen(pts, emotion))
    return list(named.values())


def _evenly(stamps: "np.ndarray[tuple[int], np.dtype[np.int64]]", count: int) -> list[int]:
    """So many of the ascending stamps, as evenly in time as they lie; all of them where they are fewer."""
    if len(stamps) <= count:
        return [int(pts) for pts in stamps]
    targets = np.linspace(stamps[0], stamps[-1], count)
    places = np.searchsorted(stamps, targets).clip(0, len(stamps) - 1)
    before = np.maximum(places - 1, 0)
    nearer = np.where(np.abs(stamps[before] - targets) <= np.abs(stamps[places] - targets), before, places)
    return sorted({int(pts) for pts in stamps[nearer]})
