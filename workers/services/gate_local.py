"""The rate gate of one process: all its threads, nobody else."""

import threading
import time
from dataclasses import replace
from types import TracebackType
from typing import Self

from workers.services.gate import Grant, Later, Outcome, Sleep, wait_for_turn
from workers.services.gate_control import LONGEST_WAIT_S, Answered, Asking, Memory, Turn, answer, ask, spacing_s
from workers.services.rate import Rate


class LocalGate:
    """A RateGate on this process's own clock."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._memory: Memory | None = None

    @classmethod
    def alone(cls, rate: Rate, calls: float) -> Self:
        """For who has just lost sight of the others, at a pace of `calls`. It begins with a pause of one spacing: up to
        then what others were granted by the shared gate still counts.
        """
        gate = cls(rate)
        calls = min(calls, rate.calls)
        now = time.monotonic()
        gate._memory = Memory(calls, free_at=now + spacing_s(rate, calls), last_turn=now, seen=now)
        return gate

    @property
    def pace_per_s(self) -> float:
        """Calls a second in force."""
        with self._lock:
            calls = self._rate.calls if self._memory is None else self._memory.calls
        return calls / self._rate.window_s

    def acquire(self, longest_s: float = LONGEST_WAIT_S, sleep: Sleep = time.sleep) -> Grant | Later:
        """See RateGate."""
        return wait_for_turn(self.take_turn, longest_s, sleep)

    def answered(self, grant: Grant, outcome: Outcome) -> None:
        """See RateGate. Of a call that another gate granted the pace means nothing here."""
        calls = grant.calls if grant.side is self else 0.0
        told = Answered(outcome.verdict, grant.at, calls, outcome.retry_after_s)
        with self._lock:
            self._memory = answer(self._memory, told, self._rate, time.monotonic())

    def take_turn(self, asking: Asking, holding: object) -> tuple[Turn, object]:
        """One question; `holding`: the gate whose turn the asker has waited for."""
        asking = replace(asking, held=holding is self)
        with self._lock:
            self._memory, turn = ask(self._memory, asking, self._rate, time.monotonic())
        return turn, self

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
