"""What an account may do: so many calls in any window of so many seconds. Pure values; importing this loads nothing."""

import math
from dataclasses import dataclass

MARGIN_S = 0.08
"""Calls are spaced as if each window were this much longer: what leaves us evenly arrives a little unevenly, and the
first of N + 1 calls may be held up by this much without meeting the last in one window of the service."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`calls` in any `window_s` seconds: Rate(10, 1.0), Rate(20, 60.0). Half a call a second is one in two seconds."""

    calls: float
    """At least 1."""
    window_s: float

    def __post_init__(self) -> None:
        if not (1 <= self.calls < math.inf and 0 < self.window_s < math.inf):
            raise ValueError(f"{self.calls} calls in {self.window_s} s are no rate")

    @property
    def per_s(self) -> float:
        """Calls a second, on average."""
        return self.calls / self.window_s

    def split(self, share: int) -> "Rate":
        """What each of so many may do alone, knowing nothing of the others.

        In sum no window ever holds more than `calls`, up to as many shares as there are calls; of more shares than
        that only the average keeps to the rate.
        """
        if share <= self.calls:
            return Rate(self.calls // share, self.window_s)
        return Rate(1, self.window_s * share / self.calls)

    def __str__(self) -> str:
        units = {1.0: "s", 60.0: "min", 3600.0: "h"}
        unit = units.get(self.window_s)
        return f"{self.calls:g}/{unit}" if unit else f"{self.calls:g} in {self.window_s:g} s"
