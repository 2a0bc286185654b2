"""Times of a drawn recording: those of its source, counted from its start as `time_s` is; and as words. Pure."""

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


def clock_words(seconds: float, *, tenths: bool = False) -> str:
    """0:07, 12:30, 1:02:03; with tenths 0:07.4."""
    parts = max(0, int(seconds * 10 + 1e-6))
    whole = parts // 10
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    shown = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{shown}.{parts % 10}" if tenths else shown
