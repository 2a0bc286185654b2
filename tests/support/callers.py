"""Callers behind a gate and a service with a quota, simulated: hours of them in a second, the same every time."""

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.support.quota import Quota
from workers.services.gate_control import Answered, Asking, Kind, Memory, Verdict, answer, ask
from workers.services.rate import Rate


@dataclass
class Scene:
    """One world: what happens in it, and when."""

    rate: Rate
    quota: Quota
    callers: int = 8
    latency_s: float = 0.1
    jitter_s: float = 0.004
    """The mean of what each way and each waking takes longer; now and then ten times as long."""
    retry_after: Callable[[float], float | None] = math.ceil
    """What the service says of the true wait."""
    events: dict[float, Callable[["Scene"], None]] = field(default_factory=dict)
    think_s: float = 0.0
    seed: int = 1
    memory: Memory | None = None
    granted: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    paces: list[tuple[float, float]] = field(default_factory=list)

    def run(self, until_s: float, start_s: float = 1000.0) -> "Scene":
        """Play it; times are counted from the start."""
        self._random = random.Random(self.seed)
        self._start = start_s
        agenda: list[tuple[float, int, Iterator[float]]] = []
        number = 0
        for caller in [*(self._caller() for _ in range(self.callers)), *(self._event(*e) for e in self.events.items())]:
            self._now = start_s
            heapq.heappush(agenda, (start_s + next(caller), number := number + 1, caller))
        while agenda and agenda[0][0] < start_s + until_s:
            self._now, _, caller = heapq.heappop(agenda)
            step_s = next(caller, None)
            if step_s is not None:
                heapq.heappush(agenda, (self._now + step_s, number := number + 1, caller))
        return self

    def count(self, times: list[float], first_s: float, last_s: float) -> int:
        """How many of them lie in a stretch."""
        return sum(first_s <= at < last_s for at in times)

    def _event(self, at_s: float, act: Callable[["Scene"], None]) -> Iterator[float]:
        yield at_s
        act(self)

    def _caller(self) -> Iterator[float]:
        yield self._random.random() * 0.01
        while True:
            held = False
            while True:
                self.memory, turn = ask(self.memory, Asking(held=held), self.rate, self._now)
                if turn.kind is Kind.GO:
                    break
                held = turn.kind is Kind.WAIT
                yield turn.wait_s + self._late()
            left_at = self._now
            self.granted.append(left_at - self._start)
            yield self._late()
            wait_s = self.quota.enter(self._now)
            (self.refused if wait_s is not None else self.served).append(self._now - self._start)
            yield self.latency_s * (0.2 if wait_s is not None else 1.0) + self._late()
            verdict = Verdict.SUCCESS if wait_s is None else Verdict.THROTTLED
            after = None if wait_s is None else self.retry_after(wait_s)
            before = self.memory and self.memory.calls
            self.memory = answer(self.memory, Answered(verdict, left_at, turn.calls, after), self.rate, self._now)
            if self.memory.calls != before:
                self.paces.append((round(self._now - self._start, 1), self.memory.calls))
            yield self.think_s

    def _late(self) -> float:
        mean = self.jitter_s * (10 if self._random.random() < 0.01 else 1)
        return self._random.expovariate(1 / mean) if mean else 0.0
