"""A process with callers behind a shared rate gate, as a worker is one: `python -m tests.support.gateusers`."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import httpx

from workers.services.gate import SUCCESS, UNAVAILABLE, Grant, Outcome, RateGate, gate_for
from workers.services.gate_control import Verdict
from workers.services.rate import parse_rate

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Users:
    """Who calls what, behind which gate."""

    account: str
    rate: str
    redis_url: str
    service_url: str
    callers: int
    share: int


@dataclass
class Seen:
    """What the callers of one process saw; times are of the system's monotonic clock."""

    granted: list[float] = field(default_factory=list)
    """When a caller heard that its call may leave."""
    asked: list[float] = field(default_factory=list)
    """When it had put that question: the gate granted in between."""
    throttled: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    paces: list[tuple[float, float]] = field(default_factory=list)
    """When the pace was another than before, and what it was then."""


def main() -> None:
    """Call until standard input ends, then say what was seen."""
    users = Users(**json.loads(sys.argv[1]))
    seen, over = Seen(), threading.Event()
    with gate_for(users.account, parse_rate(users.rate), users.redis_url, users.share) as gate:
        work = threading.Thread
        threads = [work(target=_call, args=(users, gate, seen, over)) for _ in range(users.callers)]
        for thread in threads:
            thread.start()
        print("ready", flush=True)
        sys.stdin.read()
        over.set()
        for thread in threads:
            thread.join()
    print(json.dumps(asdict(seen)))


def _call(users: Users, gate: RateGate, seen: Seen, over: threading.Event) -> None:
    with httpx.Client(timeout=TIMEOUT_S) as client:
        while not over.is_set():
            turn = gate.acquire(sleep=over.wait)
            now = time.monotonic()
            if not isinstance(turn, Grant):
                seen.later.append(now)
                over.wait(min(turn.wait_s, 1.0))
                continue
            seen.asked.append(turn.at)
            seen.granted.append(now)
            gate.answered(turn, _outcome(client, users.service_url, seen))
            if not seen.paces or seen.paces[-1][1] != gate.pace_per_s:
                seen.paces.append((time.monotonic(), gate.pace_per_s))


def _outcome(client: httpx.Client, url: str, seen: Seen) -> Outcome:
    try:
        answer = client.post(f"{url}/detect", content=b"picture")
    except httpx.TransportError:
        return UNAVAILABLE
    if answer.status_code == 429:
        seen.throttled.append(time.monotonic())
        return Outcome(Verdict.THROTTLED, float(answer.headers["retry-after"]))
    return SUCCESS


class Group:
    """A running process of callers."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def end(self) -> Seen:
        """Let the calls in flight end; what all saw."""
        out, _ = self._process.communicate("")
        return Seen(**json.loads(out.splitlines()[-1]))


@contextmanager
def group(users: Users) -> Iterator[Group]:
    """Callers that call until they are ended."""
    command = [sys.executable, "-m", "tests.support.gateusers", json.dumps(asdict(users))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield Group(process)
        finally:
            process.kill()


if __name__ == "__main__":
    main()
