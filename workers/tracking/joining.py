"""Tracklets joined over gaps, with the whole video in view: each end finds at most one start, at the least total cost.

It is done in rounds: what is joined with little doubt tells more of how people move and look, and the next round is
decided by that.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.tracking.likeness import LEAST_STEADY_S, LIMIT, SLACK_S, Ends, Ids, Numbers, near_pairs, unlikeness
from workers.tracking.sightings import Pacing
from workers.tracking.tracklets import Tracklets

ROUNDS = ((0.6, 0.5), (1.0, 1.0), (1.0, 1.0))
"""Shares of the limit and of the gap that each round goes to."""
NEAR_INTERVALS = 2.5
"""But each looks as far as over one missing frame."""
FEWEST_STEPS, MOST_STEPS = 4, 32
"""Sightings at an end of a tracklet that its speed is taken from."""
LEAST_INTERVAL_S = 0.001
LEAST_SPAN_S = 0.15
"""What lies closer together tells of a detector that shakes, not of a speed."""
PAIRS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class _Chains:
    """Tracklets, the more of them in one the more was joined: arrays with a row for each."""

    looks: NDArray[np.float16]
    head_scenes: NDArray[np.float16]
    tail_scenes: NDArray[np.float16]
    counts: Ids


def joined(made: Tracklets, pacing: Pacing, pause: Callable[[], None]) -> Ids:
    """Of each face, in the order of `made`, the number of its track; numbers are in the order of first faces."""
    ids: Ids = made.tracklet.rows.copy()
    chains = _Chains(made.looks.rows, made.head_scenes.rows, made.tail_scenes.rows, made.counts.rows)
    for of_limit, of_gap in ROUNDS if len(ids) else ():
        heads, tails = _both_ends(made, ids, chains, pacing)
        reach_s = max(of_gap * pacing.gap_s, min(pacing.gap_s, NEAR_INTERVALS * pacing.interval_s))
        pairs = list(_candidates(heads, tails, reach_s, of_limit * LIMIT, pause))
        follower = _matched(pairs, len(chains.counts), of_limit * LIMIT)
        ids, chains = _merged(ids, chains, follower)
        pause()
    return ids


def _both_ends(made: Tracklets, ids: Ids, chains: _Chains, pacing: Pacing) -> tuple[Ends, Ends]:
    """The first and the last sighting of each chain, with the speed there."""
    order = np.argsort(ids, kind="stable")
    stops = np.cumsum(np.bincount(ids, minlength=len(chains.counts)))
    starts = np.append(0, stops[:-1])
    steps = np.arange(
        min(max(FEWEST_STEPS, round(2 * _steady_s(pacing) / max(pacing.interval_s, LEAST_INTERVAL_S))), MOST_STEPS)
    )
    forward = np.minimum(starts[:, None] + steps, stops[:, None] - 1)
    backward = np.maximum(stops[:, None] - 1 - steps, starts[:, None])
    return (
        _end(made, order[forward], chains, chains.head_scenes, pacing),
        _end(made, order[backward], chains, chains.tail_scenes, pacing),
    )


def _steady_s(pacing: Pacing) -> float:
    return max(LEAST_STEADY_S, pacing.interval_s)


def _end(made: Tracklets, faces: Ids, chains: _Chains, scenes: NDArray[np.float16], pacing: Pacing) -> Ends:
    """`faces` [chains, steps]: from the end inwards, the innermost repeated where there are fewer."""
    times, x, y = (rows.rows[faces] for rows in (made.time_s, made.x, made.y))
    ages = np.abs(times - times[:, :1])
    weights = np.exp(-ages / _steady_s(pacing))
    weights[:, 1:][faces[:, 1:] == faces[:, :-1]] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    centred = times - (weights * times).sum(axis=1, keepdims=True)
    spread = (weights * centred**2).sum(axis=1)
    moves = ages[:, -1] >= LEAST_SPAN_S
    speeds = [(weights * centred * values).sum(axis=1) / np.where(moves, spread, 1.0) for values in (x, y)]
    first = faces[:, 0]
    return Ends(
        times[:, 0],
        x[:, 0],
        y[:, 0],
        made.high.rows[first],
        np.where(moves, speeds[0], 0.0),
        np.where(moves, speeds[1], 0.0),
        moves.astype(np.float64),
        chains.looks,  # type: ignore[arg-type]
        scenes,  # type: ignore[arg-type]
        made.before.rows[first],
        np.where(made.before.rows[first] >= 0, pacing.known_gap_s, -1.0),
    )


Pairs = tuple[Ids, Ids, Numbers]
"""Ends, starts, and what speaks against each pair."""


def _candidates(heads: Ends, tails: Ends, reach_s: float, limit: float, pause: Callable[[], None]) -> Iterator[Pairs]:
    """Every pair of an end and a later start that may be one appearance, some at a time."""
    by_time = np.argsort(heads.time_s, kind="stable")
    times = heads.time_s[by_time]
    lows = np.searchsorted(times, tails.time_s, side="right")
    many = np.searchsorted(times, tails.time_s + reach_s + SLACK_S, side="right") - lows
    totals = np.cumsum(many)
    done, start = 0, 0
    while start < len(many):
        stop = max(start + 1, int(np.searchsorted(totals, done + PAIRS_AT_ONCE, side="right")))
        some = many[start:stop]
        ends = np.repeat(np.arange(start, stop), some)
        within = np.arange(len(ends)) - np.repeat(np.cumsum(some) - some, some)
        ends, starts = near_pairs(tails, heads, ends, by_time[lows[ends] + within])
        against = unlikeness(_wide(tails, ends), _wide(heads, starts))
        good = against < limit
        yield ends[good], starts[good], against[good]
        done, start = int(totals[stop - 1]), stop
        pause()


def _wide(ends: Ends, index: Ids) -> Ends:
    """These ends, their looks with the digits to reckon with."""
    some = ends.take(index)
    return replace(some, looks=some.looks.astype(np.float32), scenes=some.scenes.astype(np.float32))


def _matched(pairs: list[Pairs], count: int, limit: float) -> Ids:
    """For each end the start that follows it, -1 where none does: least in total, where a pair spares `limit`.

    Every pair lies below that.
    """
    follower = np.full(count, -1, np.int64)
    ends, starts, against = (np.concatenate(column) for column in zip(*pairs, strict=True))
    if not len(ends):
        return follower
    some, rows = np.unique(ends, return_inverse=True)
    if len(some) == len(ends) == len(np.unique(starts)):  # nobody competes, as with one face in a film
        follower[ends] = starts
        return follower
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    least = against.min() - 1.0  # a weight of zero would be no edge
    nobody = np.arange(len(some))
    table = csr_array(
        (
            np.append(against - least, np.full(len(some), limit - least)),
            (np.append(rows, nobody), np.append(starts, count + nobody)),
        ),
        shape=(len(some), count + len(some)),
    )
    rows, columns = min_weight_full_bipartite_matching(table)
    follower[some[rows]] = np.where(columns < count, columns, -1)
    return follower


def _merged(ids: Ids, chains: _Chains, follower: Ids) -> tuple[Ids, _Chains]:
    """Faces and chains once each chain is one with its follower."""
    count = len(follower)
    roots, lasts = np.arange(count), np.arange(count)
    ends = np.flatnonzero(follower >= 0)
    roots[follower[ends]] = ends
    lasts[ends] = follower[ends]
    for pointers in (roots, lasts):
        while not np.array_equal(onward := pointers[pointers], pointers):
            pointers[:] = onward
    kept, new = np.unique(roots, return_inverse=True)  # a chain begins with its oldest part: the order stays
    return new[ids], _Chains(
        _mean_looks(chains, new, len(kept)),
        chains.head_scenes[kept],
        chains.tail_scenes[lasts[kept]],
        np.bincount(new, chains.counts).astype(np.int64),
    )


def _mean_looks(chains: _Chains, new: Ids, count: int) -> NDArray[np.float16]:
    known = ~np.isnan(chains.looks[:, 0])
    weights = np.where(known, chains.counts, 0)
    order = np.argsort(new, kind="stable")
    edges = np.searchsorted(new[order], np.arange(count))
    looks: NDArray[Any] = np.nan_to_num(chains.looks.astype(np.float32)) * weights[:, None]
    total = np.add.reduceat(weights[order], edges)
    with np.errstate(invalid="ignore"):
        mean = np.add.reduceat(looks[order], edges) / total[:, None]
    return mean.astype(np.float16)
