"""One limit over processes: two of them against a service that means it, while Redis dies, forgets and comes back."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.gateusers import Group, Seen, Users, group
from tests.support.programs import Programs
from tests.support.quota import QuotaServer, quota_server, surely_in_any
from tests.support.redis import RedisServer
from workers.services.gate import account_id
from workers.services.gate_control import REUNION_S

CALLS, RATE = 10, "10/s"
PROCESSES, CALLERS = 2, 4


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    with Programs() as opened:
        yield opened


@pytest.fixture
def redis(programs: Programs) -> Iterator[RedisServer]:
    server = RedisServer(programs)
    yield server
    server.kill()


@pytest.fixture
def service() -> Iterator[QuotaServer]:
    with quota_server(CALLS, latency_s=0.05) as server:
        yield server


@contextmanager
def at_work(redis: RedisServer, service: QuotaServer, share: int = PROCESSES) -> Iterator[list[Group]]:
    users = Users(account_id("test", service.url), RATE, redis.url, service.url, CALLERS, share)
    with ExitStack() as stack:
        yield [stack.enter_context(group(users)) for _ in range(PROCESSES)]


def most_in_a_second(seen: list[Seen]) -> int:
    """What the gate let go within one second, wherever that begins."""
    return surely_in_any(1.0, [moments for one in seen for moments in zip(one.asked, one.granted, strict=True)])


def test_two_processes_never_exceed_one_limit_and_leave_little_of_it_unused(
    redis: RedisServer, service: QuotaServer
) -> None:
    with at_work(redis, service) as groups:
        began = time.monotonic()
        time.sleep(10)
        seen = [one.end() for one in groups]
    granted = [at for one in seen for at in one.granted]
    assert most_in_a_second(seen) <= CALLS
    assert sum(at < began + 10 for at in granted) >= 0.8 * 10 * CALLS
    assert all(len(one.granted) >= 10 for one in seen), "both had their part"


def test_while_redis_is_gone_each_keeps_to_its_part_and_none_is_added_when_it_is_back(
    redis: RedisServer, service: QuotaServer
) -> None:
    """`share` says one: that there are two, each knows from Redis."""
    with at_work(redis, service, share=1) as groups:
        time.sleep(3)
        redis.kill()
        gone = time.monotonic()
        time.sleep(4)
        redis.start()
        back = time.monotonic()
        time.sleep(REUNION_S + 4)
        seen = [one.end() for one in groups]
    granted = [at for one in seen for at in one.granted]
    assert most_in_a_second(seen) <= CALLS
    assert sum(gone < at < back for at in granted) >= 15, "work went on"
    assert sum(back + REUNION_S + 1 < at for at in granted) >= 10, "and goes on at the full rate"


@pytest.mark.parametrize("what", ["flush", "empty restart"])
def test_a_redis_that_forgot_everything_adds_no_call(redis: RedisServer, service: QuotaServer, what: str) -> None:
    with at_work(redis, service) as groups:
        time.sleep(3)
        if what == "flush":
            redis.flush()
        else:
            redis.restart(empty=True)
        time.sleep(REUNION_S + 3)
        seen = [one.end() for one in groups]
    granted = [at for one in seen for at in one.granted]
    assert most_in_a_second(seen) <= CALLS
    assert len(granted) >= 40
    assert max(granted) - min(granted) > REUNION_S + 5


def test_a_redis_that_hangs_is_as_good_as_gone(redis: RedisServer, service: QuotaServer) -> None:
    with at_work(redis, service) as groups:
        time.sleep(2)
        redis.freeze()
        frozen = time.monotonic()
        time.sleep(5)
        redis.thaw()
        thawed = time.monotonic()
        time.sleep(REUNION_S + 3)
        seen = [one.end() for one in groups]
    granted = [at for one in seen for at in one.granted]
    assert most_in_a_second(seen) <= CALLS
    assert sum(frozen + 2 < at < thawed for at in granted) >= 10
    assert max(granted) > thawed + REUNION_S
