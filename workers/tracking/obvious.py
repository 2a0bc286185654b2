"""Linking where frames follow each other closely: who is where another face was is that one, if nobody else is near.

Many frames are looked at in one go; a film has hundreds of thousands.
"""

import numpy as np
from numpy.typing import NDArray

from workers.tracking.likeness import DOUBT, LIMIT, SLACK_S, Ends, Ids, Numbers, near_pairs, unlikeness


class Obvious:
    """Has no memory: how people were moving decides nothing."""

    def previous(self, faces: Ends, edges: Ids, gap_s: float) -> Ids:
        """As in `workers.tracking.linking.Linker`."""
        ends, starts = near_pairs(faces, faces, *_neighbours(faces.time_s, edges, gap_s))
        previous = np.full(len(faces.x), -1, np.int64)
        if not len(ends):
            return previous
        against = np.minimum(unlikeness(faces.take(ends), faces.take(starts)), LIMIT)
        sure = against < LIMIT
        for side in (ends, starts):
            best, next_best = _two_least(side, against)
            sure &= (against == best) & (next_best - against >= np.minimum(DOUBT, LIMIT - against))
        previous[starts[sure]] = ends[sure]
        return previous


def _neighbours(times: Numbers, edges: Ids, gap_s: float) -> tuple[Ids, Ids]:
    """Every pair of a face and one of the frame after its own, unless that comes too late."""
    counts = np.diff(edges)
    first = edges[:-1]
    soon = times[first[1:]] - times[first[:-1]] <= gap_s + SLACK_S
    after = np.append(np.where(soon, counts[1:], 0), 0)
    per_face = np.repeat(after, counts)
    begins = np.repeat(np.append(first[1:], 0), counts)
    ends = np.repeat(np.arange(len(times)), per_face)
    within = np.arange(len(ends)) - np.repeat(np.cumsum(per_face) - per_face, per_face)
    return ends, begins[ends] + within


def _two_least(side: Ids, against: Numbers) -> tuple[Numbers, Numbers]:
    """For each pair the least and the next of all pairs with the same `side`; where there is no next, the limit."""
    order = np.lexsort((against, side))
    ordered: NDArray[np.float64] = against[order]
    is_first = np.append(True, side[order][1:] != side[order][:-1])
    groups = np.cumsum(is_first) - 1
    firsts = np.flatnonzero(is_first)
    follows = np.minimum(firsts + 1, len(order) - 1)
    has_next = (follows > firsts) & (groups[follows] == groups[firsts])
    next_best = np.where(has_next, ordered[follows], LIMIT)
    best, second = np.empty(len(order)), np.empty(len(order))
    best[order], second[order] = ordered[firsts][groups], next_best[groups]
    return best, second
