"""What was seen in one recording over time, as arrays; and as bytes for the page, a tenth of their size as text."""

import base64
import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from db.report import BOX_COLUMNS
from jobs.report.numbers import Floats, Ints, mean_by

NO_TRACK = 0xFFFF
UNKNOWN = 255
SCALE = 250
"""Probabilities are sent in steps of 1/250, valence (-1 to 1) of 1/125; UNKNOWN stands for what was not scored."""
BOX_SCALE = 10_000
"""Boxes are sent in ten thousandths of the picture's width and height: they fit however large it is shown."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Faces of the first frame with any in each step; `pts` and `face` name the row of the database."""

    pts: Ints
    face: Ints
    time_s: Floats
    step: Ints
    track: Ints
    """-1: none."""
    confidence: Floats
    dominant: Ints
    """Index into EMOTIONS; -1: not scored."""
    probability: Floats
    xywh: Floats
    """[faces, 4], in parts of the picture's width and height."""

    @property
    def count(self) -> int:
        """How many."""
        return len(self.pts)


@dataclass(frozen=True, slots=True)
class Curve:
    """One recording in steps: step k is centred on `first_s + k * step_s`.

    A point holds the faces of one track (or of all that have none) within one step.
    """

    first_s: float
    step_s: float
    frames: Ints
    """By step: frames looked at."""
    with_face: Ints
    """By step: frames in which a face was found."""
    shown: Ints
    """By step: the step whose frame was on screen: its own, or an earlier one that lasted; -1 where nobody looked."""
    step: Ints
    """By point."""
    track: Ints
    """By point; -1: none."""
    faces: Ints
    """By point."""
    means: Floats
    """[points, 9]: the eight probabilities and the valence; NaN where none was scored."""
    boxes: Boxes

    @property
    def steps(self) -> int:
        """How many there are."""
        return len(self.frames)

    def time_s(self, step: int) -> float:
        """The middle of a step."""
        return self.first_s + step * self.step_s

    def together(self) -> Floats:
        """[steps, 9]: the means over all faces of a step; NaN where there is none, or none was scored."""
        own = mean_by(self.step, self.means, self.steps, self.faces)
        return np.where((self.shown >= 0)[:, None], own[self.shown], np.nan)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a recording is cut into steps, and what of it was looked through."""

    first_s: float
    step_s: float
    steps: int
    """To expect; what was found beyond counts too."""
    stretches: Sequence[tuple[float, float]] = ()
    """In which a frame counts for as long as it was on screen."""


def curve_of(
    shape: Shape, seen: Iterable[tuple[int, int, int]], points: Sequence[tuple[Any, ...]], boxes: Boxes
) -> Curve:
    """A curve from what the database added up."""
    looked = [(max(0, step), frames, faces) for step, frames, faces in seen]
    steps = max([shape.steps, *(step + 1 for step, _, _ in looked)])
    frames, with_face = np.zeros(steps, np.int64), np.zeros(steps, np.int64)
    for step, number, of_them in looked:
        frames[step] += number
        with_face[step] += of_them
    table = np.array(points, np.float64).reshape(-1, 12)  # None becomes NaN
    return Curve(
        first_s=shape.first_s,
        step_s=shape.step_s,
        frames=frames,
        with_face=with_face,
        shown=_shown(frames, shape),
        step=np.clip(table[:, 0], 0, steps - 1).astype(np.int64),
        track=np.nan_to_num(table[:, 1], nan=-1).astype(np.int64),
        faces=table[:, 2].astype(np.int64),
        means=table[:, 3:],
        boxes=boxes,
    )


def _shown(frames: Ints, shape: Shape) -> Ints:
    """By step, the step whose frame was on screen then."""
    steps = np.arange(len(frames))
    last = np.maximum.accumulate(np.where(frames > 0, steps, -1))
    times = shape.first_s + steps * shape.step_s
    through = np.zeros(len(frames), bool)
    for start_s, end_s in shape.stretches:
        through |= (times > start_s - shape.step_s / 2) & (times < end_s)
    made: Ints = np.where((frames > 0) | through, last, -1)
    return made


def boxes_of(rows: Sequence[tuple[Any, ...]], width: int, height: int) -> Boxes:
    """Boxes from rows of BOX_COLUMNS, whose lengths are pixels."""
    columns = dict(zip(BOX_COLUMNS, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(BOX_COLUMNS, ())
    corners = np.array([columns[name] for name in BOX_COLUMNS[-4:]], np.float64).T.reshape(-1, 4)
    emotions = {None: -1} | {name: place for place, name in enumerate(EMOTIONS)}
    return Boxes(
        pts=np.array(columns["pts"], np.int64),
        face=np.array(columns["face"], np.int64),
        time_s=np.array(columns["time_s"], np.float64),
        step=np.maximum(np.array(columns["step"], np.int64), 0),
        track=np.nan_to_num(np.array(columns["track"], np.float64), nan=-1).astype(np.int64),
        confidence=np.nan_to_num(np.array(columns["confidence"], np.float64)),
        dominant=np.array([emotions[name] for name in columns["dominant"]], np.int64),
        probability=np.array(columns["probability"], np.float64),
        xywh=corners / (width, height, width, height),
    )


def packed(curve: Curve, tracks: Sequence[int]) -> str:
    """The curve as text: gzipped columns, the widest numbers first, in base64. `assets/data.js` reads it.

    Tracks are sent by their place in `tracks`.
    """
    boxes = curve.boxes
    columns: tuple[tuple[NDArray[Any], str], ...] = (
        (np.rint(boxes.time_s * 1000), "<i4"),
        (curve.step, "<u2"),
        (_places(curve.track, tracks), "<u2"),
        (np.clip(curve.faces, 0, NO_TRACK), "<u2"),
        (_places(boxes.track, tracks), "<u2"),
        (np.clip(np.rint(boxes.xywh.T.ravel() * BOX_SCALE), -32768, 32767), "<i2"),
        (np.where(curve.shown < 0, NO_TRACK, curve.shown), "<u2"),
        (np.clip(curve.frames, 0, 255), "u1"),
        (np.clip(curve.with_face, 0, 255), "u1"),
        (_levels(curve.means[:, :8]).T.ravel(), "u1"),
        (_levels((curve.means[:, 8] + 1) / 2), "u1"),
        (np.where(boxes.dominant < 0, UNKNOWN, boxes.dominant), "u1"),
        (_levels(boxes.probability), "u1"),
    )
    raw = b"".join(values.astype(kind).tobytes() for values, kind in columns)
    return base64.b64encode(gzip.compress(raw, mtime=0)).decode("ascii")


def _levels(values: Floats) -> Ints:
    return np.where(np.isfinite(values), np.rint(np.clip(np.nan_to_num(values), 0, 1) * SCALE), UNKNOWN).astype(
        np.int64
    )


def _places(tracks: Ints, known: Sequence[int]) -> Ints:
    places = {track: place for place, track in enumerate(known)}
    return np.array([places.get(int(track), NO_TRACK) for track in tracks], np.int64)
