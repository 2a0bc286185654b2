"""The rate gate that all processes share: its memory is a hash in Redis, changed by one script on Redis's own clock.

Redis may be gone, forget everything, or be another that knows a little less; see docs/decisions/0005 for what then
holds. While it cannot be reached, each process keeps to its part of the rate by itself.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError
from redis.retry import Retry

from workers.services import gate_control
from workers.services.gate import Grant, Later, Outcome, Sleep, wait_for_turn
from workers.services.gate_control import LONGEST_WAIT_S, Asking, Kind, Turn
from workers.services.gate_local import LocalGate
from workers.services.rate import Rate

log = structlog.get_logger(__name__)

PREFIX = "moodreel:rate:"
KEEP_S = 7200
"""An account that nobody asks for is forgotten after this; longer than any pause."""
TIMEOUT_S = 0.75
"""To connect, and to answer. Twice this is what it takes at most to find that Redis is back: less than REUNION_S."""
LOOK_EVERY_S = 0.75
"""So often one thread looks whether Redis is back."""
ASKER_S = 60.0
COUNT_EVERY_S = 10.0
"""Whoever asked within ASKER_S is counted as one that shares the rate."""
STALE = -1
"""What a question gets that Redis reads when its asker must have given up."""
_CONSTANTS = (
    "MARGIN_S", "LATE_S", "REUNION_S", "FIRST_TRIAL_WINDOWS", "TRIAL_WINDOWS", "KNOCK_TRIAL_WINDOWS", "TRIAL_SLACK_S",
    "FIRST_KNOCK_WINDOWS", "LAST_KNOCK_WINDOWS", "LONGEST_KNOCK_S", "STEP", "LEAST_CALLS", "LONGEST_BACKOFF_S",
    "LONGEST_PAUSE_S", "CLOCK_STEP_S",
)  # fmt: skip
REDIS_CLOCK = "local t = redis.call('TIME') return tonumber(t[1]) + tonumber(t[2]) / 1000000"


def script(clock: str = REDIS_CLOCK) -> str:
    """The script, with the constants that Python knows."""
    known = {name: getattr(gate_control, name) for name in _CONSTANTS}
    known |= {"KEEP_S": KEEP_S, "TIMEOUT_S": TIMEOUT_S, "ASKER_S": ASKER_S, "COUNT_EVERY_S": COUNT_EVERY_S}
    head = "".join(f"local {name} = {value!r}\n" for name, value in known.items())
    body = files("workers.services").joinpath("gate.lua").read_text("utf-8")
    return f"{head}local function clock() {clock} end\n{body}"


class SharedGate:
    """A RateGate over all processes that name the same account and the same Redis."""

    def __init__(self, account: str, rate: Rate, redis_url: str, share: int) -> None:
        self._key = PREFIX + account
        self._rate = rate
        self._client = Redis.from_url(
            redis_url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            decode_responses=True,
        )
        self._script: Any = self._client.register_script(script())
        self._name = uuid4().hex[:16]
        self._least_share = self._share = max(1, share)
        self._known = 0.0
        """The pace that all share, as last heard; 0: never."""
        self._lock = threading.Lock()
        self._alone: LocalGate | None = None
        """What to keep to while Redis is away."""
        self._lost_at: float | None = None
        self._found_at = self._look_at = 0.0
        self._ahead_s = 0.0
        """The clock of Redis less ours; 0: not known."""

    @property
    def pace_per_s(self) -> float:
        """See RateGate; while Redis is away, this process's part."""
        alone = self._alone
        return alone.pace_per_s if alone is not None else (self._known or self._rate.calls) / self._rate.window_s

    def acquire(self, longest_s: float = LONGEST_WAIT_S, sleep: Sleep = time.sleep) -> Grant | Later:
        """See RateGate."""
        return wait_for_turn(self.take_turn, longest_s, sleep)

    def take_turn(self, asking: Asking, holding: object) -> tuple[Turn, object]:
        """One question, to Redis if it is there; `holding`: the side whose turn the asker has waited for."""
        began = time.monotonic()
        alone = self._instead(began)
        if alone is None:
            try:
                return self._ask(replace(asking, held=holding is self, known=self._known)), self
            except RedisError as error:
                alone = self._lost(error, began)
        return alone.take_turn(asking, holding) if alone is not None else self.take_turn(asking, holding)

    def answered(self, grant: Grant, outcome: Outcome) -> None:
        """See RateGate."""
        alone = self._alone
        while alone is None:
            began = time.monotonic()
            try:
                return self._tell(grant, outcome)
            except RedisError as error:
                alone = self._lost(error, began)
        return alone.answered(grant, outcome)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _instead(self, now: float) -> LocalGate | None:
        """Whom to ask instead of Redis; None: Redis is there, or it is time to look whether it is."""
        with self._lock:
            if self._alone is not None and now >= self._look_at:
                self._look_at = now + LOOK_EVERY_S
                return None
            return self._alone

    def _ask(self, asking: Asking) -> Turn:
        def values() -> list[str | int]:
            now = time.monotonic()
            away_s = 0.0 if self._lost_at is None else max(now - self._lost_at, 1e-6)
            numbers = (asking.longest_s, asking.known, away_s, now + self._ahead_s if self._ahead_s else 0.0)
            return ["ask", self._name, int(asking.held), *map(repr, numbers)]

        kind, wait_s, calls, askers, redis_now = self._call(values)
        self._ahead_s = float(redis_now) - time.monotonic()
        if kind == STALE:  # and yet we still wait: the clock was set
            self._ahead_s = 0.0
            kind, wait_s, calls, askers, _ = self._call(values)
        with self._lock:
            self._known, self._share = float(calls), max(self._least_share, int(askers))
            self._found_at, self._lost_at = time.monotonic(), None
            was_alone, self._alone = self._alone is not None, None
        if was_alone:
            log.warning("action=rate-gate-shared")
        return Turn(Kind(kind), float(wait_s), float(calls))

    def _tell(self, grant: Grant, outcome: Outcome) -> None:
        calls = grant.calls if grant.side is self else 0.0
        after = "" if outcome.retry_after_s is None else repr(float(outcome.retry_after_s))

        def values() -> list[str | int]:
            return ["answer", int(outcome.verdict), repr(time.monotonic() - grant.at), repr(calls), after]

        self._known = float(self._call(values))

    def _call(self, values: Callable[[], list[str | int]]) -> Any:
        """Run the script, a second time where a connection that was kept open leads to a server that is gone."""
        rate = (self._rate.calls, repr(self._rate.window_s))
        try:
            return self._script(keys=[self._key], args=[*rate, *values()])
        except Disconnected:
            self._client.connection_pool.disconnect(inuse_connections=False)
            with self._lock:
                self._lost_at = self._lost_at or time.monotonic()
            return self._script(keys=[self._key], args=[*rate, *values()])

    def _lost(self, error: RedisError, began: float) -> LocalGate | None:
        """Redis did not answer a question asked at `began`: whom to ask instead. None: another has found it since."""
        now = time.monotonic()
        with self._lock:
            if self._found_at > began:
                return None
            if self._alone is None:
                part = self._rate.split(self._share)
                calls = part.calls * (self._known or self._rate.calls) / self._rate.calls
                self._alone = LocalGate.alone(part, math.floor(calls) if calls >= 1 else calls)
                self._lost_at = self._lost_at or now
                self._look_at = now + LOOK_EVERY_S
                log.warning("action=rate-gate-alone", rate=str(part), share=self._share, reason=type(error).__name__)
            return self._alone
