"""How finely time is cut for the curves of a report: as finely as was looked, as coarsely as a page can carry. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

STEPS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0)
MOST_STEPS = 1800
"""Steps of one recording: a screen is not wider."""
MOST_POINTS = 150_000
"""Points of all curves together, and boxes likewise: some megabytes of a page."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What decides how finely one recording can be shown."""

    duration_s: float
    frames: int
    frames_with_face: int
    faces: int
    interval_s: Fraction | None = None
    """What lies between two looks; None where that varies."""

    @property
    def spacing_s(self) -> float:
        """Seconds between two looks, on average where it varies."""
        if self.interval_s is not None:
            return float(self.interval_s)
        return self.duration_s / self.frames if self.frames else self.duration_s


def steps_of(extents: Sequence[Extent]) -> list[float]:
    """The seconds that a point of each recording's curves stands for.

    All are made coarser alike until their points are no more than MOST_POINTS.
    """
    finest = [_finest(extent) for extent in extents]
    coarser = 0
    steps = finest
    while sum(map(points, extents, steps)) > MOST_POINTS and coarser < len(STEPS_S):
        coarser += 1
        steps = [_coarsened(step, coarser) for step in finest]
    return steps


def points(extent: Extent, step_s: float) -> int:
    """How many points a recording's curves have at most: one for each person who is seen at a time."""
    together = extent.faces / extent.frames_with_face if extent.frames_with_face else 0.0
    return min(extent.faces, ceil(count(extent.duration_s, step_s) * together))


def count(duration_s: float, step_s: float) -> int:
    """Steps of a recording: one for each multiple of `step_s` that lies before its end."""
    return max(1, ceil(duration_s / step_s - 1e-6))


def _finest(extent: Extent) -> float:
    least = max(extent.spacing_s * 0.999, extent.duration_s / MOST_STEPS)
    return next((step for step in STEPS_S if step >= least), STEPS_S[-1])


def _coarsened(step_s: float, by: int) -> float:
    return STEPS_S[min(len(STEPS_S) - 1, STEPS_S.index(step_s) + by)]
