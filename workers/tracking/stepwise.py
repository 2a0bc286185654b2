"""Linking where frames are far apart: where each face was going decides with, so it goes frame by frame."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workers.tracking.likeness import DOUBT, LEAST_STEADY_S, LIMIT, SLACK_S, Ends, Ids, Numbers, unlikeness


class Stepwise:
    """Remembers of the last frame how its faces were moving, and what they looked like before."""

    def __init__(self, interval_s: float) -> None:
        self._steady_s = max(LEAST_STEADY_S, interval_s)
        self._last: Ends | None = None

    def previous(self, faces: Ends, edges: Ids, gap_s: float) -> Ids:
        """As in `workers.tracking.linking.Linker`."""
        previous = np.full(len(faces.x), -1, np.int64)
        last = self._last
        for frame in range(len(edges) - 1):
            start, stop = edges[frame], edges[frame + 1]
            seen = faces.take(slice(start, stop))
            if frame == 0 and last is not None:
                continue  # the last frame of the call before: known better than it is given
            if last is not None and seen.time_s[0] - last.time_s[0] <= gap_s + SLACK_S:
                links = _links(last, seen)
                previous[start:stop] = np.where(links < 0, -1, links + start - len(last.x))
                seen = self._went_on(last, seen, links)
            last = seen
        self._last = last
        return previous

    def _went_on(self, last: Ends, seen: Ends, links: Ids) -> Ends:
        """The faces of a frame with the past of those that they are."""
        linked = links >= 0
        if not linked.any():
            return seen
        old, new = last.take(links[linked]), seen.take(linked)
        passed_s = np.maximum(new.time_s - old.time_s, SLACK_S)
        fresh = np.where(old.moves > 0, 1 - np.exp(-passed_s / self._steady_s), 1.0)
        speed_x, speed_y, moves = (np.zeros(len(links)) for _ in range(3))
        speed_x[linked] = old.speed_x + fresh * ((new.x - old.x) / passed_s - old.speed_x)
        speed_y[linked] = old.speed_y + fresh * ((new.y - old.y) / passed_s - old.speed_y)
        moves[linked] = 1.0
        mean = (old.looks + new.looks) / 2
        looks = seen.looks.copy()
        looks[linked] = np.where(np.isnan(mean), new.looks, mean)
        return replace(seen, speed_x=speed_x, speed_y=speed_y, moves=moves, looks=looks)


def _links(last: Ends, seen: Ends) -> Ids:
    """For each face of a frame which of the last frame it is beyond doubt; -1: none."""
    links = np.full(len(seen.x), -1, np.int64)
    against = np.minimum(unlikeness(last.take((slice(None), None)), seen.take((None, slice(None)))), LIMIT)
    rows, columns = _assigned(against)
    good = against[rows, columns] < LIMIT
    rows, columns = rows[good], columns[good]
    if against.size > 1:
        sure = _beyond_doubt(against, rows, columns)
        rows, columns = rows[sure], columns[sure]
    links[columns] = rows
    return links


def _assigned(against: Numbers) -> tuple[Ids, Ids]:
    if against.size == 1:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(against)  # type: ignore[no-any-return]


def _beyond_doubt(against: Numbers, rows: Ids, columns: Ids) -> NDArray[np.bool_]:
    """Which pairs stay the better ones by DOUBT, whoever of the others they would be exchanged with, or left for."""
    own = against[rows, columns]
    swapped = against[np.ix_(rows, columns)]
    gain = swapped + swapped.T - own[:, None] - own[None, :]
    np.fill_diagonal(gain, np.inf)
    free_rows, free_columns = (np.ones(length, bool) for length in against.shape)
    free_rows[rows] = free_columns[columns] = False
    least = gain.min(axis=1, initial=np.inf)
    least = np.minimum(least, (against[rows][:, free_columns] - own[:, None]).min(axis=1, initial=np.inf))
    least = np.minimum(least, (against[free_rows][:, columns] - own[None, :]).min(axis=0, initial=np.inf))
    sure: NDArray[np.bool_] = least >= np.minimum(DOUBT, LIMIT - own)
    return sure
