"""What ten taggers say of a picture, as labels: the protocol of FER+ (arXiv:1608.01041).

Votes are uint8 [n, 10]: the eight emotions in FER+ order, then "unknown" and "not a face".
"""

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS

COLUMNS = (*EMOTIONS, "unknown", "not-a-face")

Votes = NDArray[np.uint8]
Shares = NDArray[np.float64]


def kept(votes: Votes) -> Votes:
    """The votes without those that only one tagger gave: the paper takes them for slips."""
    left: Votes = np.where(votes > 1, votes, 0).astype(np.uint8)
    return left


def leading(votes: Votes) -> NDArray[np.intp]:
    """The column with the most votes, int [n]; of equals the first."""
    columns: NDArray[np.intp] = kept(votes).argmax(axis=1)
    return columns


def usable(votes: Votes) -> NDArray[np.bool_]:
    """Which pictures can be learnt from, bool [n]: what leads is an emotion."""
    left = kept(votes)
    can: NDArray[np.bool_] = (left.argmax(axis=1) < len(EMOTIONS)) & (left.max(axis=1) > 0)
    return can


def decided(votes: Votes) -> NDArray[np.bool_]:
    """Which pictures count in the majority protocol, bool [n]: one emotion has more than half of the kept votes."""
    left = kept(votes).astype(np.int64)
    counts: NDArray[np.bool_] = usable(votes) & (2 * left.max(axis=1) > left.sum(axis=1))
    return counts


def soft_targets(votes: Votes) -> Shares:
    """What is learnt: the kept votes' shares over the eight emotions, float64 [n, 8]; rows of zeros where there are
    none.
    """
    return _shares(kept(votes))


def vote_shares(votes: Votes) -> Shares:
    """What probabilities are held against: the shares of all votes over the eight emotions, float64 [n, 8]."""
    return _shares(votes)


def _shares(votes: Votes) -> Shares:
    emotions = votes[:, : len(EMOTIONS)].astype(np.float64)
    shares: Shares = emotions / np.maximum(emotions.sum(axis=1, keepdims=True), 1)
    return shares
