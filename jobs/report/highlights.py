"""What a reader should see of a recording at a glance: a strip, its strongest moments, who appears when. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from jobs.report.curve import Curve
from jobs.report.numbers import Floats, mean, mean_by

STRIP_CELLS = 120
NO_FACE, NOT_LOOKED = ".", " "
MOST_MOMENTS = 4
LEAST_MOMENT = 0.4
"""The mean probability from which the peak of an emotion is a moment worth a look."""
MOST_TRACKS = 200
"""Of a crowd, those that were seen most."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where one emotion was strongest."""

    time_s: float
    step: int
    emotion: int
    """Index into EMOTIONS."""
    probability: float
    box: int
    """The face that shows it, by its place in the curve's boxes; -1 where none of them does."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """One track: when it was seen, how much of it, and what it mostly showed."""

    track: int
    start_s: float
    end_s: float
    faces: int
    emotion: int | None
    """Strongest on average; None where nothing was scored."""
    valence: float | None
    box: int
    """Its clearest face, by its place in the curve's boxes; -1: none."""


def strip(curve: Curve) -> str:
    """A letter for each stretch of the recording: the digit of the emotion that is strongest in it on average,
    NO_FACE, or NOT_LOOKED.
    """
    cells = min(STRIP_CELLS, curve.steps)
    cell = np.arange(curve.steps) * cells // curve.steps
    means = mean_by(cell, curve.together()[:, :8], cells)
    strongest = np.nan_to_num(means, nan=-1.0).argmax(axis=1)
    letters = np.where(np.bincount(cell, curve.shown >= 0, cells) > 0, NO_FACE, NOT_LOOKED)
    return "".join(np.where(np.isfinite(means[:, 0]), strongest.astype(str), letters))


def moments(curve: Curve) -> tuple[Moment, ...]:
    """The peaks of the strongest emotions, neutral aside, in the order of time; each emotion once."""
    found = [_peak(curve, emotion) for emotion in range(1, len(EMOTIONS))]
    strong = sorted((one for one in found if one is not None), key=lambda one: -one.probability)
    return tuple(sorted(strong[:MOST_MOMENTS], key=lambda one: one.time_s))


def _peak(curve: Curve, emotion: int) -> Moment | None:
    values = np.nan_to_num(curve.means[:, emotion], nan=-1.0)
    if not len(values):
        return None
    at = int(values.argmax())
    others = np.nan_to_num(curve.means[at, :8])
    if values[at] < LEAST_MOMENT or others.argmax() != emotion:
        return None
    step = int(curve.step[at])
    return Moment(curve.time_s(step), step, emotion, float(values[at]), _box(curve, at, emotion))


def _box(curve: Curve, point: int, emotion: int) -> int:
    """The face of a point that shows its emotion most."""
    boxes = curve.boxes
    mine = (boxes.step == curve.step[point]) & (boxes.track == curve.track[point]) & (boxes.dominant == emotion)
    return _best(mine, boxes.probability)


def _best(mine: NDArray[np.bool_], worth: Floats) -> int:
    """The place of the greatest worth among those that count; -1 where none does."""
    return int(np.where(mine, np.nan_to_num(worth), -1.0).argmax()) if mine.any() else -1


def appearances(curve: Curve) -> tuple[Appearance, ...]:
    """The tracks of a recording, those seen most first; empty where none are assigned."""
    known = [int(track) for track in np.unique(curve.track) if track >= 0]
    found = sorted((_appearance(curve, track) for track in known), key=lambda one: (-one.faces, one.track))
    return tuple(found[:MOST_TRACKS])


def _appearance(curve: Curve, track: int) -> Appearance:
    mine = curve.track == track
    steps, faces = curve.step[mine], curve.faces[mine]
    emotions = mean(curve.means[mine, :8], faces)
    valence = mean(curve.means[mine, 8:], faces)[0]
    return Appearance(
        track=track,
        start_s=curve.time_s(int(steps.min())),
        end_s=curve.time_s(int(steps.max())),
        faces=int(faces.sum()),
        emotion=int(np.nanargmax(emotions)) if np.isfinite(emotions).any() else None,
        valence=float(valence) if np.isfinite(valence) else None,
        box=_best(curve.boxes.track == track, curve.boxes.confidence),
    )


def tracks_of(found: Sequence[Appearance]) -> list[int]:
    """The tracks in the order in which a page lists them."""
    return [one.track for one in found]
