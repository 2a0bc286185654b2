"""The rate gate: one limit for everybody who uses an account, over all threads, processes and machines.

    with gate_for(account_id("azure", endpoint, key), Rate(10, 1.0), settings.broker_url, share=workers) as gate:
        turn = gate.acquire()
        if isinstance(turn, Later): ...give the work back for turn.wait_s...
        answer = service.detect(picture)          # at once: the turn is now
        gate.answered(turn, SUCCESS)

Redis carries the shared one (`gate_redis`); without it there is one in the process (`gate_local`). Both decide by
`gate_control`. A process has one gate an account, and all its threads use that.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from workers.services.gate_control import LONGEST_WAIT_S, Asking, Kind, Turn, Verdict
from workers.services.rate import Rate

SLIP_S = 0.25
"""Who has waited as long as it would still gets this, so that a turn is not lost for the last millisecond."""

Sleep = Callable[[float], object]
"""Sleeps so many seconds; what is true tells that whoever sleeps was asked to stop, as threading.Event.wait does."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One call may leave now."""

    at: float
    """On this process's monotonic clock."""
    calls: float
    """The pace it was granted at, calls a window."""
    side: object
    """Which gate granted it: after a loss of Redis paces are others."""


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing is free for so many seconds, or the sleeper was stopped. Nothing is kept."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: see `Verdict`. `retry_after_s` is what the service asked for, None if nothing."""

    verdict: Verdict
    retry_after_s: float | None = None


SUCCESS = Outcome(Verdict.SUCCESS)
UNAVAILABLE = Outcome(Verdict.UNAVAILABLE)


class RateGate(Protocol):
    """Lets calls leave. Safe for threads; never raises because Redis is away."""

    @property
    def pace_per_s(self) -> float:
        """Calls a second that this process last knew all to be allowed."""

    def acquire(self, longest_s: float = LONGEST_WAIT_S, sleep: Sleep = time.sleep) -> Grant | Later:
        """Sleep until a call may leave, `longest_s` at most; a longer wait is not slept but told."""

    def answered(self, grant: Grant, outcome: Outcome) -> None:
        """Tell what became of a call. One that is never told of costs nothing but what could be learnt."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


def gate_for(account: str, rate: Rate, redis_url: str | None, share: int) -> RateGate:
    """The gate of an account: shared through Redis, or within this process alone where there is none.

    `account` is an `account_id`, never a key. `share`: how many processes are known to use the account; each keeps to
    its part of the rate while it cannot reach the others.
    """
    if redis_url is None:
        from workers.services.gate_local import LocalGate

        return LocalGate(rate.split(max(1, share)))
    from workers.services.gate_redis import SharedGate

    return SharedGate(account, rate, redis_url, share)


def account_id(*parts: str) -> str:
    """What an account is known by to whoever may read Redis: a hash of service, address and key."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


class Asker(Protocol):
    """Gives turns: `take_turn` of either gate."""

    def __call__(self, asking: Asking, holding: object) -> tuple[Turn, object]:
        """A turn and the side that gave it; `holding`: the side whose turn the asker has waited for."""


def wait_for_turn(take_turn: Asker, longest_s: float, sleep: Sleep) -> Grant | Later:
    """Ask, sleep, ask again, until the call may leave or it would take too long."""
    holding: object = None
    began = time.monotonic()
    while True:
        asked_at = time.monotonic()
        left_s = longest_s - (asked_at - began)
        turn, side = take_turn(Asking(longest_s=left_s if holding is None else max(left_s, SLIP_S)), holding)
        if turn.kind is Kind.GO:
            return Grant(asked_at, turn.calls, side)
        if turn.kind is Kind.LATER or sleep(turn.wait_s):
            return Later(turn.wait_s)
        holding = side
