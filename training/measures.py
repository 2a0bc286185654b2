"""How good predictions are, in numbers: accuracy by majority, recall, and how well probabilities fit the votes.

All of it is over the pictures that count in the majority protocol (`training.labels.decided`).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from training.labels import Shares, Votes, decided, leading, vote_shares

BINS = 10
CONFIDENCE_95 = 1.959964

Logits = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model does on faces whose votes are known."""

    faces: int
    """Pictures that count."""
    accuracy: float
    interval_95: tuple[float, float]
    """Wilson's interval of the accuracy."""
    recall: dict[str, float]
    """By emotion; NaN where no picture shows it."""
    macro_recall: float
    cross_entropy: float
    """To the vote shares, mean over pictures, in nats."""
    calibration: float
    """Mean over the emotions of `calibration_error`."""
    confusion: tuple[tuple[int, ...], ...]
    """Pictures by what people saw (rows) and what the model says (columns)."""


def measure(logits: Logits, votes: Votes) -> Measured:
    """Measure logits, float [n, 8], against votes, uint8 [n, 10], of the same pictures."""
    counts = decided(votes)
    truth, shares = leading(votes)[counts], vote_shares(votes)[counts]
    log_shares = log_softmax(logits[counts].astype(np.float64))
    said = log_shares.argmax(axis=1)
    confusion = confusions(truth, said)
    recalls = _recalls(confusion)
    right = int(np.trace(confusion))
    return Measured(
        faces=len(truth),
        accuracy=right / max(1, len(truth)),
        interval_95=wilson(right, len(truth)),
        recall=dict(zip(EMOTIONS, map(float, recalls), strict=True)),
        macro_recall=float(np.nanmean(recalls)) if len(truth) else math.nan,
        cross_entropy=cross_entropy(log_shares, shares),
        calibration=float(np.mean(calibration_errors(np.exp(log_shares), shares))),
        confusion=tuple(tuple(map(int, row)) for row in confusion),
    )


def log_softmax(logits: Logits) -> Logits:
    """Logarithms of probabilities, of rows of logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs: Logits = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def cross_entropy(log_probabilities: Logits, shares: Shares) -> float:
    """The mean cross-entropy of predictions to shares, in nats; NaN for none."""
    return float(-(log_probabilities * shares).sum(axis=1).mean()) if len(shares) else math.nan


def calibration_errors(probabilities: Shares, shares: Shares, bins: int = BINS) -> NDArray[np.float64]:
    """A column's error each: predictions are put into equal bins, and in each bin the mean prediction is held against
    the mean share; the differences are averaged, bins weighed by how many predictions they hold.
    """
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    surplus = probabilities - shares
    inside = [np.where(place == one, surplus, 0).sum(axis=0) for one in range(bins)]
    errors: NDArray[np.float64] = np.abs(inside).sum(axis=0) / max(1, len(shares))
    return errors


def confusions(truth: NDArray[np.intp], said: NDArray[np.intp]) -> NDArray[np.int64]:
    """How often each was said for each, int [8, 8], truth in rows."""
    count = len(EMOTIONS)
    return np.bincount(truth * count + said, minlength=count * count).reshape(count, count)


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson's score; everything where nothing was asked."""
    if not of:
        return (0.0, 1.0)
    share, z2 = right / of, CONFIDENCE_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    reach = CONFIDENCE_95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return (middle - reach, middle + reach)


def _recalls(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    totals = confusion.sum(axis=1)
    rates = np.where(totals > 0, np.diag(confusion) / np.maximum(totals, 1), np.nan)
    return rates.astype(np.float64)
