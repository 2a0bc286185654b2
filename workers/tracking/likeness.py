"""How unlikely it is that two sightings are of one person: where the face should be by now, how big, how it looks.

The terms are negative logarithms of likelihoods with heavy tails: people turn round and detectors shake. Lengths are
in heights of the face, which stand for about 22 cm, so that near and far people are treated alike.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from workers.tracking.look import Looks, apart, scenes_apart

LIMIT = 6.5
"""From here on it is another person."""
DOUBT = 2.0
"""Another way to link that has so little more against itself is as likely as not."""
SLACK_S = 1e-6
"""Times are floats: a gap that is met exactly is within it."""
LEAST_STEADY_S = 0.3
"""Speeds are averaged over so long, or one interval between frames."""
SHAKE = 0.12
"""What a detector errs by, in heights."""
STRAY_PER_S = 1.2
"""How much farther somebody may have come in a second than was to be expected, where nobody knows how they move."""
STEADY_PER_S, STEADIER_PER_S = 0.7, 0.5
"""The same where it is known of one sighting how they move, or of both."""
MOST_STRAY = 2.5
TAIL = 2.25
"""How fast it becomes unlikely that somebody is farther off than that."""
HORIZON_S = 1.5
"""Nobody goes on as before for longer than this."""
TURN, TURN_PER_S = 0.5, 0.7
"""How much the speeds on the two sides of a gap differ, in heights a second."""
REACH, REACH_PER_S, MOST_REACH = 0.8, 3.5, 6.0
"""Beyond this distance nobody is looked for: at once, more for each second, and at most."""
GROWTH, GROWTH_PER_S = 0.06, 0.1
"""How much a face's height changes, as a logarithm."""
LOOK_EVEN, LOOK_WEIGHT = 0.045, 75.0
"""From which difference of looks another person is the likelier, and how fast."""
MOST_LOOK = 8.0
CUT = 0.085
"""Whole pictures that differ by so much lie on the two sides of a cut."""
SAME_PLACE, SAME_GROWTH, SAME_LOOK = 0.6, 0.2, 0.035
"""Across a cut only who is as good as where they were, as big, and looks the same is still the same appearance."""

Numbers = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ends:
    """Ends of tracklets, or single sightings: arrays of one length (or of shapes that broadcast)."""

    time_s: Numbers
    x: Numbers
    y: Numbers
    """Middles of the boxes."""
    high: Numbers
    speed_x: Numbers
    speed_y: Numbers
    """Pixels a second; 0 where not `moves`."""
    moves: Numbers
    """1.0 where the speed is known, else 0.0."""
    looks: Looks
    scenes: Looks
    """The same, of the very sighting at this end: `looks` may be a mean over many."""
    before: NDArray[np.int64]
    """The track that an earlier assignment gave; -1 where none did."""
    known_s: Numbers
    """How far that assignment looked ahead: what it gave two tracks within so long, it told apart by more than we
    know; less than 0 where there was none.
    """

    def take(self, index: Any) -> Self:
        """These ends alone, in the shape of `index`."""
        return type(self)(*(getattr(self, field.name)[index] for field in fields(self)))


def near_pairs(ends: Ends, starts: Ends, rows: Ids, columns: Ids) -> tuple[Ids, Ids]:
    """Those pairs of an end and a start that are in reach of each other: most are not, and need not be looked at."""
    far = np.hypot(starts.x[columns] - ends.x[rows], starts.y[columns] - ends.y[rows])
    near = far <= _reach(starts.time_s[columns] - ends.time_s[rows]) * (ends.high[rows] + starts.high[columns]) / 2
    return rows[near], columns[near]


def unlikeness(ends: Ends, starts: Ends) -> Numbers:
    """What speaks against a start being the next that is seen of an end, for each pair that broadcasts; inf where
    nothing could make it so.
    """
    later_s = starts.time_s - ends.time_s
    high = (ends.high + starts.high) / 2
    known = ends.moves + starts.moves
    share = np.minimum(later_s, HORIZON_S) / np.maximum(known, 1.0)
    along_x, along_y = starts.x - ends.x, starts.y - ends.y
    off_x = along_x - share * (ends.speed_x + starts.speed_x)
    off_y = along_y - share * (ends.speed_y + starts.speed_y)
    off = (off_x**2 + off_y**2) / high**2
    stray_per_s = np.choose(known.astype(np.intp), (STRAY_PER_S, STEADY_PER_S, STEADIER_PER_S))
    stray = np.minimum(SHAKE + stray_per_s * later_s, MOST_STRAY)
    turn = np.hypot(starts.speed_x - ends.speed_x, starts.speed_y - ends.speed_y) / high
    turned = np.where(known > 1, (turn / (TURN + TURN_PER_S * later_s)) ** 2, 0.0)
    growth = np.log(starts.high / ends.high)
    odd = (growth / (GROWTH + GROWTH_PER_S * np.minimum(later_s, 2.0))) ** 2
    difference = _difference(ends, starts)
    look = np.clip(LOOK_WEIGHT * (difference - LOOK_EVEN), -MOST_LOOK, MOST_LOOK)
    against = (
        TAIL * np.log1p(off / stray**2)
        + np.log(stray / SHAKE)
        + 1.5 * np.log1p(turned)
        + np.log1p(odd)
        + np.nan_to_num(look)
    )
    place = np.hypot(along_x, along_y) / high
    cut = scenes_apart(ends.scenes, starts.scenes) > CUT
    told_apart = (ends.before != starts.before) & (starts.before >= 0) & (later_s <= ends.known_s + SLACK_S)
    moved = (place > SAME_PLACE) | (np.abs(growth) > SAME_GROWTH) | (difference > SAME_LOOK)
    may_be = (place <= _reach(later_s)) & ~(cut & moved) & ~told_apart
    return np.where(may_be & np.isfinite(against), against, np.inf)


def _reach(later_s: Numbers) -> Numbers:
    """How far anybody may have come, in heights."""
    return np.minimum(REACH + REACH_PER_S * later_s, MOST_REACH)


def _difference(ends: Ends, starts: Ends) -> NDArray[np.float32]:
    """Of looks, or of what is left of them where tracks are assigned anew: who was one person still is."""
    difference = apart(ends.looks, starts.looks)
    is_same = np.isnan(difference) & (ends.before >= 0) & (ends.before == starts.before)
    return np.where(is_same, np.float32(0.0), difference)
