"""What a training does when, as pure functions: learning rates, and which pictures an epoch shows."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.labels import Shares

FULL_PX = 64
"""Pixels a side that the finished net takes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A training from its first epoch to its last. Two trainings of one plan give the same net on one machine."""

    epochs: int = 100
    seed: int = 1
    batch: int = 128
    parts: int = 8
    """Into how many an epoch is cut; after each there is a checkpoint."""
    rate: float = 0.1
    """Learning rate at its highest."""
    warmup_epochs: float = 2.0
    decay: float = 5e-4
    """Weight decay, of convolutions and the head alone."""
    mixup: float = 0.2
    """Alpha of the beta distribution; 0 for no mixing (arXiv:1710.09412)."""
    balance: float = 0.4
    """0 shows emotions as often as they are, 1 equally often."""
    ema: float = 0.999
    """How much the average weights keep at each step."""
    net: str = "small"
    """One of `training.net.NETS`."""
    teach: float = 0.7
    """How much teachers count against people's votes, where there are teachers (arXiv:1503.02531)."""
    precision: str = "float32"
    """What the net is computed in while it learns, `float32` or `bfloat16`; sums and weights are float32."""


def learning_rate(plan: Plan, progress_epochs: float) -> float:
    """The rate after so many of all epochs: a linear rise, then half a cosine to nothing."""
    if progress_epochs < plan.warmup_epochs:
        return plan.rate * (progress_epochs + 0.01) / (plan.warmup_epochs + 0.01)
    rest = (progress_epochs - plan.warmup_epochs) / max(1e-9, plan.epochs - plan.warmup_epochs)
    return plan.rate * 0.5 * (1 + math.cos(math.pi * min(1.0, rest)))


def ema_keep(plan: Plan, step: int) -> float:
    """How much of the average a step keeps: less in the beginning, which is soon forgotten then."""
    return min(plan.ema, (1 + step) / (10 + step))


def draw_seed(plan: Plan, epoch: int, use: int) -> int:
    """The seed of what an epoch draws, whatever came before it in this process; `use` tells its uses apart."""
    return int(np.random.SeedSequence((plan.seed, epoch, use)).generate_state(1, np.uint64)[0] >> 1)


def order(plan: Plan, targets: Shares, epoch: int) -> NDArray[np.intp]:
    """The rows that an epoch shows, about as many as there are, int [m]: rare emotions more often than they are.

    A picture is shown as often as its weight says, rounded up or down at random.
    """
    random = np.random.default_rng(draw_seed(plan, epoch, use=0))
    common = targets.mean(axis=0)
    weights = targets @ (np.maximum(common, 1e-6) ** -plan.balance)
    often = weights / weights.mean() + random.random(len(weights))
    return random.permutation(np.repeat(np.arange(len(weights)), often.astype(np.int64)))


def part_of(plan: Plan, rows: NDArray[np.intp], part: int) -> NDArray[np.intp]:
    """The batches of one of an epoch's parts, int [m, batch]; what fills no batch is left out: its batch norm would be
    noise.
    """
    size = min(plan.batch, len(rows))
    batches = rows[: len(rows) // size * size].reshape(-1, size)
    return np.array_split(batches, plan.parts)[part]
