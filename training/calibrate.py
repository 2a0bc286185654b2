"""Probabilities that mean what they say: each logit scaled and shifted (vector scaling, arXiv:1706.04599).

The scales and shifts are those of the lowest cross-entropy to the vote shares; they are folded into the last layer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from db.emotions import EMOTIONS
from training.labels import Shares
from training.measures import Logits, log_softmax

PULL = 1e-3
"""How strongly scales are held to 1 and shifts to 0: rare emotions have few pictures to be fitted on."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is done to logits."""

    scales: NDArray[np.float64]
    shifts: NDArray[np.float64]

    def applied(self, logits: Logits) -> Logits:
        """The calibrated logits of logits, float64 [n, 8]."""
        return logits * self.scales + self.shifts


def untouched() -> Calibration:
    """The calibration that changes nothing."""
    return Calibration(np.ones(len(EMOTIONS)), np.zeros(len(EMOTIONS)))


def fitted(logits: Logits, shares: Shares) -> Calibration:
    """The calibration under which the probabilities fit the shares best."""
    count = len(EMOTIONS)

    def slope(numbers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scales, shifts = numbers[:count], numbers[count:]
        logs = log_softmax(logits * scales + shifts)
        surplus = np.exp(logs) * shares.sum(axis=1, keepdims=True) - shares
        value = -(logs * shares).sum(axis=1).mean() + PULL * (((scales - 1) ** 2).sum() + (shifts**2).sum())
        gradient = np.concatenate([(surplus * logits).mean(axis=0), surplus.mean(axis=0)])
        return float(value), gradient + 2 * PULL * np.concatenate([scales - 1, shifts])

    begin = np.concatenate([np.ones(count), np.zeros(count)])
    found = minimize(slope, begin, jac=True, method="L-BFGS-B").x
    return Calibration(found[:count], found[count:])


def cross_fitted(logits: Logits, shares: Shares) -> Logits:
    """Calibrated logits of which none was calibrated by a fit that had seen it: each half by the other's."""
    calibrated = np.empty_like(logits)
    halves = (slice(0, None, 2), slice(1, None, 2))
    for half, other in (halves, halves[::-1]):
        calibrated[half] = fitted(logits[other], shares[other]).applied(logits[half])
    return calibrated
