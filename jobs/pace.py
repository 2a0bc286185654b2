"""How fast a job goes and how long it will take, from what was committed lately. Pure: values in, values out."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.job_records import Committed, JobCounts

WINDOW_S = 60.0
LONG_WINDOW_S = 600.0
"""Where a minute saw hardly any commit and yet somebody works: segments that take minutes each."""
MEASURED_S = 2.0
"""A shorter time says nothing yet."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a job goes, whoever works on it."""

    frames_per_s: float
    times_real: float
    """Seconds of video a second; 0 for photos."""


def pace_of(commits: Sequence[Committed]) -> Pace | None:
    """The pace that these commits show, oldest first; None where they show none.

    The first second only starts the clock: what it brought was worked on before, for a time that nobody knows.
    """
    if len(commits) < 2:
        return None
    elapsed_s = commits[0].ago_s - 1.0
    if elapsed_s < MEASURED_S:
        return None
    frames = sum(one.frames for one in commits[1:])
    return Pace(frames / elapsed_s, sum(one.media_s for one in commits[1:]) / elapsed_s)


def frames_left(counts: JobCounts) -> float:
    """Frames that are still to come. Segments that failed bring none: they are taken for average ones."""
    unsettled = counts.left + counts.failed
    return max(0, counts.targets - counts.frames) * counts.left / unsettled if unsettled else 0.0


def left_s(counts: JobCounts, pace: Pace | None, *, walking: bool) -> float | None:
    """Seconds until a job is done at this pace; None while that cannot be told."""
    if pace is None or pace.frames_per_s <= 0 or walking:
        return None
    return frames_left(counts) / pace.frames_per_s
