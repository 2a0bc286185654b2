"""Times of a drawn recording: those of its source, counted from its start as `time_s` is. Pure."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Self


@dataclass(frozen=True, slots=True)
class Shift:
    """Ticks that a stream's times are moved by."""

    ticks: int

    @classmethod
    def of(cls, start_s: Fraction, time_base: Fraction) -> Self:
        """So that what was at `start_s` is at 0, to the nearest tick of the stream."""
        return cls(round(start_s / time_base))

    def apply(self, stamp: int) -> int:
        """The stamp, moved."""
        return stamp - self.ticks
