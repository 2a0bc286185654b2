"""What an account may do: so many calls in any window of so many seconds. Pure values; importing this loads nothing."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from workers.errors import SettingsError

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


FASTEST_PER_S = 10_000
LONGEST_WINDOW_S = 24 * 3600
SLOWEST_PER_S = Fraction(1, LONGEST_WINDOW_S)
_LONGEST_TEXT = 64
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600}
_TEXT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*/\s*(\d+(?:\.\d+)?)?\s*(s|m|min|h)", re.ASCII)
_HINT = "write it like 10/s, 20/min, 0.5/s or 1000/h: what the service allows your account"


def parse_rate(text: str) -> Rate:
    """Calls a service allows, as `--rate` takes it: `10/s`, `20/min`, `1000/h`, `100/30s`, `0.5/s` (one in two).

    Raises SettingsError for anything else, and for rates that no service has: above 10,000 a second or below one a day.
    """
    clean = text.strip().lower()
    found = _TEXT.fullmatch(clean) if len(clean) <= _LONGEST_TEXT else None
    if not found:
        raise SettingsError(f"{clean[:_LONGEST_TEXT]!r} is not a rate", _HINT)
    number, times, unit = found.groups()
    window_s = Fraction(times or 1) * _UNITS[unit]
    calls = Fraction(number)
    if calls <= 0 or window_s <= 0:
        raise SettingsError(f"{text!r} would never call", _HINT)
    if not SLOWEST_PER_S <= calls / window_s <= FASTEST_PER_S or window_s > LONGEST_WINDOW_S:
        raise SettingsError(f"{text!r} is no rate of any service", _HINT)
    stretch = max(Fraction(1), 1 / calls)
    return Rate(float(calls * stretch), float(window_s * stretch))


def rate_in_force(ordinary_per_s: float, *asked: str | None) -> Rate:
    """The first rate that anybody asked for, or what ordinary accounts of the service may. Raises SettingsError."""
    text = next(filter(None, asked), None)
    return Rate(ordinary_per_s, 1.0) if text is None else parse_rate(text)
