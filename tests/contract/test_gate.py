"""What every rate gate keeps to; and that the script in Redis decides exactly as the functions in Python do."""

import threading
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis as Client

from tests.support.programs import Programs
from tests.support.redis import RedisServer
from workers.services.gate import SUCCESS, UNAVAILABLE, Grant, Later, Outcome, RateGate, account_id, gate_for
from workers.services.gate_control import Answered, Asking, Memory, Turn, Verdict, answer, ask
from workers.services.gate_redis import KEEP_S, PREFIX, TIMEOUT_S, script
from workers.services.rate import MARGIN_S, Rate

FAST = Rate(100, 1.0)
SLOW = Rate(20, 60.0)
THROTTLED = Outcome(Verdict.THROTTLED)
_accounts = iter(range(10**6))


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with Programs() as programs:
        yield RedisServer(programs, append_only=False)


@pytest.fixture(params=["local", "shared"])
def gates(request: pytest.FixtureRequest, redis: RedisServer) -> Iterator["Gates"]:
    opened = Gates(redis.url if request.param == "shared" else None)
    yield opened
    for gate in opened.all:
        gate.close()


class Gates:
    """Makes gates of accounts that nobody used before."""

    def __init__(self, url: str | None) -> None:
        self.url = url
        self.all: list[RateGate] = []

    def of(self, rate: Rate) -> RateGate:
        self.all.append(gate_for(account_id("test", str(next(_accounts))), rate, self.url, 1))
        return self.all[-1]


class Nap:
    """A sleep that takes no time and remembers what was asked of it; then it says that the sleeper was stopped."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.asked_s.append(seconds)
        return True


def test_the_first_call_leaves_at_once_and_the_next_after_one_spacing(gates: Gates) -> None:
    gate, nap = gates.of(SLOW), Nap()
    assert isinstance(gate.acquire(sleep=nap), Grant)
    assert nap.asked_s == []
    assert isinstance(gate.acquire(sleep=nap), Later), "who was stopped while it slept is let go"
    assert nap.asked_s == [pytest.approx((SLOW.window_s + MARGIN_S) / SLOW.calls, abs=0.5)]


def test_a_wait_beyond_the_longest_is_told_and_not_slept(gates: Gates) -> None:
    gate, nap = gates.of(SLOW), Nap()
    gate.acquire(sleep=nap)
    gate.acquire(sleep=nap)
    turn = gate.acquire(sleep=nap)
    assert isinstance(turn, Later)
    assert 5 < turn.wait_s < 6.1
    assert len(nap.asked_s) == 1, "it did not sleep"
    assert isinstance(again := gate.acquire(sleep=nap), Later)
    assert again.wait_s <= turn.wait_s, "it kept no place for who did not wait"


def test_turns_are_spaced_however_many_ask(gates: Gates) -> None:
    gate = gates.of(FAST)
    grants: list[float] = []

    def call() -> None:
        for _ in range(8):
            turn = gate.acquire()
            assert isinstance(turn, Grant)
            grants.append(turn.at)
            gate.answered(turn, SUCCESS)

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(grants) == 40
    assert max(grants) - min(grants) >= 38 * (1 + MARGIN_S) / 100 - MARGIN_S


@pytest.mark.parametrize("asked_s", [None, 0.0, 3.5, 90.0])
def test_a_429_halves_the_pace_and_stops_everybody_for_as_long_as_it_says(gates: Gates, asked_s: float | None) -> None:
    gate, nap = gates.of(FAST), Nap()
    turn = gate.acquire()
    assert isinstance(turn, Grant)
    gate.answered(turn, Outcome(Verdict.THROTTLED, asked_s))
    assert gate.pace_per_s == 50
    wait = gate.acquire(sleep=nap)
    expected_s = 1.0 if asked_s is None else asked_s
    if expected_s > 5:
        assert isinstance(wait, Later)
        assert not nap.asked_s
        assert wait.wait_s == pytest.approx(expected_s, abs=0.5)
    elif expected_s > 0:
        assert nap.asked_s == [pytest.approx(expected_s, abs=0.5)]


def test_the_429s_of_one_congestion_halve_once(gates: Gates) -> None:
    gate = gates.of(FAST)
    turns = [gate.acquire() for _ in range(5)]
    for turn in turns:
        assert isinstance(turn, Grant)
        gate.answered(turn, THROTTLED)
    assert gate.pace_per_s == 50


def test_one_call_that_got_no_answer_changes_nothing_and_the_second_pauses(gates: Gates) -> None:
    gate, nap = gates.of(FAST), Nap()
    for pauses in (False, True):
        turn = gate.acquire()
        assert isinstance(turn, Grant)
        gate.answered(turn, UNAVAILABLE)
        gate.acquire(sleep=nap)
        assert any(asked > 0.5 for asked in nap.asked_s) is pauses
    assert gate.pace_per_s == 100


def test_a_service_that_says_when_it_is_back_is_left_alone_until_then(gates: Gates) -> None:
    gate = gates.of(FAST)
    turn = gate.acquire()
    assert isinstance(turn, Grant)
    gate.answered(turn, Outcome(Verdict.UNAVAILABLE, 20.0))
    assert isinstance(wait := gate.acquire(), Later)
    assert wait.wait_s == pytest.approx(20.0, abs=0.5)


def test_processes_of_one_account_share_one_limit_and_others_do_not(redis: RedisServer) -> None:
    ours, theirs = account_id("azure", "https://ours", "key"), account_id("azure", "https://theirs", "key")
    with gate_for(ours, SLOW, redis.url, 1) as one, gate_for(ours, SLOW, redis.url, 1) as two:
        assert isinstance(one.acquire(), Grant)
        assert isinstance(two.acquire(longest_s=0.5), Later)
        with gate_for(theirs, SLOW, redis.url, 1) as other:
            assert isinstance(other.acquire(), Grant)


def test_redis_holds_hashes_of_accounts_that_do_not_stay_for_ever(redis: RedisServer) -> None:
    account = account_id("azure", "https://host", "secret-key")
    with gate_for(account, SLOW, redis.url, 1) as gate, redis.client() as client:
        gate.acquire()
        keys = [key.decode() for key in client.keys("*")]
        assert all(key.startswith(PREFIX) for key in keys)
        assert PREFIX + account in keys
        assert "secret" not in str(keys)
        assert all(0 < int(client.ttl(key)) <= KEEP_S for key in keys)


def test_the_script_is_loaded_again_where_redis_forgot_it(redis: RedisServer) -> None:
    with gate_for(account_id("x"), FAST, redis.url, 1) as gate, redis.client() as client:
        for _ in range(3):
            turn = gate.acquire()
            assert isinstance(turn, Grant)
            client.script_flush()
            gate.answered(turn, SUCCESS)


def test_without_redis_several_processes_each_keep_to_their_part() -> None:
    with gate_for("a", Rate(10, 1.0), None, 4) as gate:
        assert gate.pace_per_s == 2


# The script against the functions.

NOW = 1.8e9
RATES = st.sampled_from([Rate(10, 1.0), Rate(20, 60.0), Rate(1, 2.0), Rate(100, 1.0)])
PACES = st.sampled_from([0.0, 0.25, 0.5, 1.0, 4.0, 5.0, 6.0, 8.0, 10.0, 20.0, 90.0, 100.0])
AGO_S = st.sampled_from([-130.0, -3.0, -0.02, 0.0, 0.01, 0.15, 0.7, 1.5, 4.0, 21.0, 70.0, 400.0, NOW])
ASKINGS = st.builds(
    Asking,
    held=st.booleans(),
    longest_s=st.sampled_from([0.0, 0.3, 5.0]),
    known=st.sampled_from([0.0, 0.0, 5.0, 60.0]),
    away_s=st.sampled_from([0.0, 0.0, 0.001, 4.0]),
)
ANSWERS = st.builds(
    Answered,
    verdict=st.sampled_from([Verdict.SUCCESS, Verdict.SUCCESS, Verdict.THROTTLED, Verdict.UNAVAILABLE]),
    left_at=st.sampled_from([0.01, 0.2]) | AGO_S,  # ago
    calls=PACES,
    retry_after_s=st.sampled_from([None, 0.0, 0.7, 30.0, 1e9, -3.0]),
)


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    """Any state of an account, likely or not: the paces often lie where a step up is all that is left."""
    proven = draw(PACES)
    refused = draw(st.sampled_from([0.0, proven, proven + 1, 2 * proven, 100.0]) | PACES)
    since = NOW - draw(st.sampled_from([0.5, 3.0, 10.0, 30.0, 700.0]) | AGO_S)
    ago = {name: NOW - draw(AGO_S) for name in ("settled_at", "struck_at", "free_at", "last_turn", "seen")}
    return Memory(
        calls=draw(st.sampled_from([proven, refused]) | PACES) or 10.0,
        proven=proven,
        refused=refused,
        served=float(draw(st.sampled_from([0, 1, 9, 19, 35, 1000, 1000, 1000]))),
        knock_s=draw(st.sampled_from([0.0, 20.0, 40.0, 60.0, 300.0, 900.0])),
        strikes=float(draw(st.integers(0, 12))),
        since=since,
        **ago,
    )


def test_a_question_that_redis_reads_too_late_changes_nothing(redis: RedisServer) -> None:
    with redis.client() as client:
        twin = Twin(client, Rate(10, 1.0), Memory(10.0))
        twin.run("ask", "me", 0, 5.0, 0.0, 0.0, NOW - TIMEOUT_S - 0.01)
        assert twin.memory() == Memory(10.0)
        twin.run("ask", "me", 0, 5.0, 0.0, 0.0, NOW - TIMEOUT_S / 2)
        assert twin.memory() != Memory(10.0)


class Twin:
    """One account in Redis, in a state that Python knows as well, on a clock of the test's."""

    def __init__(self, client: Client, rate: Rate, memory: Memory | None) -> None:
        self._client = client
        self._script = client.register_script(script("return tonumber(ARGV[#ARGV])"))
        self._rate = rate
        self._key = f"twin:{next(_accounts)}"
        if memory is not None:
            client.hset(self._key, mapping={name: repr(value) for name, value in asdict(memory).items()})

    def run(self, *values: object) -> Any:
        return self._script([self._key], [self._rate.calls, self._rate.window_s, *values, NOW])

    def memory(self) -> Memory:
        return Memory(*map(float, self._client.hmget(self._key, [field.name for field in fields(Memory)])))


@given(RATES, st.none() | memories(), ASKINGS)
@settings(max_examples=200)
def test_redis_gives_turns_as_python_does(
    redis: RedisServer, rate: Rate, memory: Memory | None, asking: Asking
) -> None:
    with redis.client() as client:
        twin = Twin(client, rate, memory)
        values = (int(asking.held), repr(asking.longest_s), repr(asking.known), repr(asking.away_s))
        kind, wait_s, calls, _, _ = twin.run("ask", "me", *values, 0)
        expected, turn = ask(memory, asking, rate, NOW)
        assert Turn(kind, float(wait_s), float(calls)) == turn
        assert twin.memory() == expected


@given(RATES, st.none() | memories(), ANSWERS)
@settings(max_examples=400)
def test_redis_learns_as_python_does(redis: RedisServer, rate: Rate, memory: Memory | None, told: Answered) -> None:
    with redis.client() as client:
        twin = Twin(client, rate, memory)
        after = "" if told.retry_after_s is None else repr(told.retry_after_s)
        calls = twin.run("answer", int(told.verdict), repr(told.left_at), repr(told.calls), after)
        expected = answer(memory, replace(told, left_at=NOW - told.left_at), rate, NOW)
        assert float(calls) == expected.calls
        assert twin.memory() == expected
