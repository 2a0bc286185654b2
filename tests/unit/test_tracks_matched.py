"""Which start follows which end: the least in total, whether ends compete for starts or not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from workers.tracking.joining import _matched

COUNT, LIMIT = 5, 1.0
PLACES = st.integers(0, COUNT - 1)
PAIRS = st.dictionaries(st.tuples(PLACES, PLACES), st.floats(0.0, 0.99), max_size=12)


def cost(pairs: dict[tuple[int, int], float], follower: list[int]) -> float:
    return sum(LIMIT if start < 0 else pairs[end, start] for end, start in enumerate(follower))


def follower_of(pairs: dict[tuple[int, int], float]) -> list[int]:
    ends, starts = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    found = _matched([(ends, starts, np.array(list(pairs.values()), np.float64))], COUNT, LIMIT)
    return [int(start) for start in found]


@given(PAIRS)
def test_starts_follow_ends_at_the_least_cost_in_total(pairs: dict[tuple[int, int], float]) -> None:
    follower = follower_of(pairs)
    taken = [start for start in follower if start >= 0]
    assert len(taken) == len(set(taken))
    table = np.full((COUNT, 2 * COUNT), LIMIT)
    for (end, start), against in pairs.items():
        table[end, start] = against
    assert cost(pairs, follower) == pytest.approx(table[linear_sum_assignment(table)].sum())


def test_where_nobody_competes_each_start_follows_its_end() -> None:
    assert follower_of({(0, 3): 0.2, (2, 1): 0.9}) == [3, -1, 1, -1, -1]
