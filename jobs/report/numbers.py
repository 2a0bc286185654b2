"""Arithmetic of means in which NaN is what is not there. Pure."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def ratio(sums: Floats, counts: "NDArray[np.int64] | Floats") -> Floats:
    """`sums / counts`; NaN where nothing was counted."""
    blank: Floats = np.full(np.shape(sums), np.nan)
    made: Floats = np.divide(sums, counts, out=blank, where=counts > 0)
    return made


def mean(values: Floats, weights: "Ints | None" = None) -> Floats:
    """The mean over the first axis of what is there, weighted by rows; NaN where nothing is."""
    there = np.isfinite(values)
    counts = there.astype(np.int64) if weights is None else weights[:, None] * there
    return ratio((np.where(there, values, 0.0) * counts).sum(axis=0), counts.sum(axis=0))


def mean_by(places: Ints, values: Floats, size: int, weights: "Ints | None" = None) -> Floats:
    """[size, columns]: the mean of the rows that have each place; NaN where none has."""
    there = np.isfinite(values)
    counted = there.astype(np.int64) if weights is None else weights[:, None] * there
    shape = (size, values.shape[1])
    sums, counts = np.zeros(shape), np.zeros(shape, np.int64)
    np.add.at(sums, places, np.where(there, values, 0.0) * counted)
    np.add.at(counts, places, counted)
    return ratio(sums, counts)
