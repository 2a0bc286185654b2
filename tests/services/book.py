"""What a stand-in was asked, and what it billed: the oracle of rate and bill."""

import threading
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT = 500
"""Requests that are kept whole."""


@dataclass(frozen=True)
class Asked:
    """One request. Header names are in small letters; times are the server's monotonic clock."""

    at_s: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body_bytes: int
    body_sha256: str
    status: int
    """What it was answered; 0 where the connection was cut instead."""
    billed: int


@dataclass
class Book:
    """Every call is entered: one that is rated, one that is refused, one that is cut off."""

    calls: int = 0
    """Rated calls, whatever they were answered."""
    transactions: int = 0
    """What the account would pay for."""
    statuses: Counter[int] = field(default_factory=Counter)
    last: deque[Asked] = field(default_factory=lambda: deque(maxlen=KEPT))
    arrivals_s: list[float] = field(default_factory=list)
    """When each rated call arrived, granted or not."""
    refusals_s: list[float] = field(default_factory=list)
    """When each call was refused for the rate."""
    errors: list[str] = field(default_factory=list)
    """What went wrong in the stand-in itself."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, asked: Asked, rated: bool, refused: bool) -> None:
        """One request that is about to be answered."""
        with self._lock:
            self.last.append(asked)
            if not rated:
                return
            self.calls += 1
            self.transactions += asked.billed
            self.statuses[asked.status] += 1
            self.arrivals_s.append(asked.at_s)
            if refused:
                self.refusals_s.append(asked.at_s)

    @property
    def refusals(self) -> int:
        """Calls refused for the rate."""
        return len(self.refusals_s)

    def most_in(self, window_s: float = 1.0) -> int:
        """The most rated calls that arrived within any stretch of that length."""
        with self._lock:
            times = sorted(self.arrivals_s)
        most = start = 0
        for end, at_s in enumerate(times):
            while at_s - times[start] >= window_s:
                start += 1
            most = max(most, end - start + 1)
        return most

    def facts(self) -> dict[str, Any]:
        """The book as JSON, for a test that has the stand-in in another process."""
        most = self.most_in()
        with self._lock:
            return {
                "calls": self.calls,
                "transactions": self.transactions,
                "refusals": self.refusals,
                "most_in_a_second": most,
                "statuses": {str(status): count for status, count in self.statuses.items()},
                "arrivals_s": self.arrivals_s,
                "refusals_s": self.refusals_s,
                "now_s": time.monotonic(),
                "errors": self.errors,
                "last": [asdict(one) for one in self.last],
            }
