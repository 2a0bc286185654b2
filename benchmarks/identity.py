"""IDF1: how well tracks tell who is who (Ristani et al., 2016, "Performance Measures and a Data Set for Multi-Target,
Multi-Camera Tracking", arXiv:1609.01775)."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

LEAST_OVERLAP = 0.5
"""From which intersection over union a face found is the face that is there."""

Box = tuple[float, float, float, float]
Named = Sequence[tuple[int, Box]]
"""The faces of a frame, each with the number of its trajectory."""


def idf1(frames: Iterable[tuple[Named, Named]]) -> float:
    """Of frames as (what is there, what the tracker says): 2 IDTP / (2 IDTP + IDFP + IDFN).

    True trajectories and tracks are paired one to one so that as many faces as can be agree; a face agrees where its
    box overlaps that of the trajectory paired with its track.
    """
    agreeing: Counter[tuple[int, int]] = Counter()
    true, told = 0, 0
    for there, said in frames:
        true, told = true + len(there), told + len(said)
        agreeing.update((one, other) for one, box in there for other, its in said if overlap(box, its) >= LEAST_OVERLAP)
    right = _best_pairing(agreeing)
    return 2 * right / (true + told) if true + told else 1.0


def _best_pairing(agreeing: "Counter[tuple[int, int]]") -> int:
    if not agreeing:
        return 0
    ones, others = sorted({one for one, _ in agreeing}), sorted({other for _, other in agreeing})
    table = np.zeros((len(ones), len(others)))
    for (one, other), number in agreeing.items():
        table[ones.index(one), others.index(other)] = number
    return int(table[linear_sum_assignment(table, maximize=True)].sum())


def overlap(box: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    down = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    shared = max(0.0, across) * max(0.0, down)
    return shared / (box[2] * box[3] + other[2] * other[3] - shared)
