"""How the rate gate finds a quota that nobody tells it, played with a clock of our own; and what it never does."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.callers import Scene
from tests.support.quota import FixedWindow, Quota, SlidingWindow, TokenBucket, most_in_any
from workers.services.gate_control import (
    LATE_S,
    LEAST_CALLS,
    REUNION_S,
    Answered,
    Asking,
    Kind,
    Memory,
    Verdict,
    answer,
    ask,
    spacing_s,
)
from workers.services.rate import Rate

TEN = Rate(10, 1.0)
F0 = Rate(20, 60.0)
SERVERS: dict[str, Callable[[float, float], Quota]] = {
    "sliding": SlidingWindow,
    "fixed": FixedWindow,
    "bucket": TokenBucket,
}
HINTS: dict[str, Callable[[float], float | None]] = {
    "whole seconds": math.ceil,
    "exact": lambda wait_s: wait_s,
    "always one": lambda _: 1.0,
    "none": lambda _: None,
}
DROP_S = 40.0


def set_to(calls: float) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        scene.quota.calls = calls

    return act


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("low", [7, 5, 3])
def test_a_lower_quota_is_found_and_used_and_the_old_one_when_it_is_back(server: str, hint: str, low: int) -> None:
    back_s = DROP_S + 100
    events = {DROP_S: set_to(low), back_s: set_to(10)}
    quota = SERVERS[server](10, 1.0)
    scene = Scene(TEN, quota, jitter_s=0.001, retry_after=HINTS[hint], events=events).run(back_s + 100)
    assert scene.count(scene.refused, 0, DROP_S) == 0
    assert scene.count(scene.served, 0, 30) >= 0.9 * 300
    assert scene.count(scene.served, DROP_S + 10, DROP_S + 60) >= 0.85 * low * 50
    assert scene.count(scene.refused, DROP_S + 10, DROP_S + 60) <= 10
    assert min(at for at, pace in scene.paces if at > back_s and pace == 10) < back_s + 100
    assert most_in_any(1.0, scene.granted) <= 10


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("latency_s", [0.01, 0.7])
def test_quick_and_slow_services_are_alike(server: str, latency_s: float) -> None:
    quota = SERVERS[server](10, 1.0)
    scene = Scene(TEN, quota, latency_s=latency_s, jitter_s=0.001, events={DROP_S: set_to(5)}).run(DROP_S + 60)
    assert scene.count(scene.served, 0, 30) >= 0.9 * 300
    assert scene.count(scene.served, DROP_S + 10, DROP_S + 60) >= 0.85 * 5 * 50
    assert scene.count(scene.refused, DROP_S + 10, DROP_S + 60) <= 10


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("server", SERVERS)
def test_quotas_of_minutes_are_found_in_minutes(server: str, hint: str) -> None:
    hour = 3600.0
    quota = SERVERS[server](20, 60.0)
    events = {hour: set_to(10), 2 * hour: set_to(20)}
    scene = Scene(F0, quota, retry_after=HINTS[hint], events=events).run(3 * hour)
    assert scene.count(scene.refused, 0, hour) == 0
    assert scene.count(scene.served, 0, hour) >= 0.95 * 20 * 60
    assert scene.count(scene.served, hour + 600, 2 * hour) >= 0.85 * 10 * 50
    assert scene.count(scene.refused, hour + 600, 2 * hour) <= 10
    assert min(at for at, pace in scene.paces if at > 2 * hour and pace == 20) < 2.5 * hour
    assert most_in_any(60.0, scene.granted) <= 20


def test_one_stray_429_costs_seconds() -> None:
    """Somebody else used the key for a moment."""
    entered = SlidingWindow(10, 1.0)
    scene = Scene(TEN, entered, jitter_s=0.001, events={60.0: set_to(0.5), 60.1: set_to(10)})
    scene.run(100)
    assert scene.count(scene.refused, 0, 100) <= 3
    assert scene.count(scene.served, 60, 70) >= 0.6 * 100
    assert scene.paces[-1][1] == 10
    assert scene.count(scene.served, 70, 100) >= 0.9 * 300


def test_a_service_that_lets_nobody_in_is_hardly_asked_any_more() -> None:
    scene = Scene(TEN, TokenBucket(1e-9, depth=0.0), retry_after=lambda _: 1.0).run(1800)
    assert scene.count(scene.refused, 600, 1800) <= 60
    assert scene.memory is not None
    assert scene.memory.calls == LEAST_CALLS


def test_a_pace_that_nobody_uses_is_not_taken_for_proven() -> None:
    """One call in four seconds says nothing of ten a second."""
    memory = answer(Memory(10.0), Answered(Verdict.THROTTLED, 100.0, 10.0, 1.0), TEN, 100.0)
    for now in range(104, 400, 4):
        memory = answer(memory, Answered(Verdict.SUCCESS, now, memory.calls), TEN, now + 0.1)
    assert memory.calls == 5


@given(
    st.sampled_from([TEN, F0, Rate(1, 2.0), Rate(100, 1.0), Rate(2.5, 1.0)]),
    st.lists(st.tuples(st.floats(0, 3), st.booleans(), st.sampled_from([*Verdict])), max_size=150),
)
def test_whatever_happens_no_window_holds_more_than_the_rate(
    rate: Rate, steps: list[tuple[float, bool, Verdict]]
) -> None:
    memory: Memory | None = None
    now, granted = 0.0, []
    for lapse, held, verdict in steps:
        now += lapse * rate.window_s / rate.calls
        memory, turn = ask(memory, Asking(held=held), rate, now)
        assert turn.wait_s >= 0
        if turn.kind is Kind.GO:
            granted.append(now)
            memory = answer(memory, Answered(verdict, now, turn.calls, 0.0), rate, now)
        assert LEAST_CALLS <= memory.calls <= rate.calls
    assert most_in_any(rate.window_s, granted) <= math.ceil(rate.calls)


def test_a_clock_that_is_set_back_holds_nobody_up() -> None:
    memory, _ = ask(None, Asking(), TEN, 10_000.0)
    memory = answer(memory, Answered(Verdict.THROTTLED, 10_000.0, 10, 3.0), TEN, 10_000.1)
    memory, turn = ask(memory, Asking(), TEN, 5_000.0)
    assert turn.kind is Kind.WAIT
    assert turn.wait_s == pytest.approx(3.1)


def test_who_comes_back_from_an_outage_first_waits_for_the_others() -> None:
    memory, _ = ask(None, Asking(), TEN, 100.0)
    memory, turn = ask(memory, Asking(away_s=3.0), TEN, 104.0)
    assert turn.wait_s == pytest.approx(REUNION_S)
    _, again = ask(memory, Asking(away_s=3.5), TEN, 104.5)
    assert again.wait_s < REUNION_S, "one pause for all of them"


def test_who_alone_was_away_holds_nobody_up() -> None:
    memory, _ = ask(None, Asking(), TEN, 100.0)
    memory, _ = ask(memory, Asking(), TEN, 103.0)
    _, turn = ask(memory, Asking(away_s=3.0), TEN, 104.0)
    assert turn.kind is Kind.GO


def test_who_knew_an_account_that_was_forgotten_waits_and_brings_the_pace_along() -> None:
    memory, turn = ask(None, Asking(known=5.0), TEN, 100.0)
    assert memory.calls == 5
    assert turn.wait_s == pytest.approx(REUNION_S)


@pytest.mark.parametrize("lag_s", [0.05, 0.5, 1.0])
def test_a_replica_that_missed_the_last_moment_adds_no_more_than_it_missed(lag_s: float) -> None:
    memory, granted, states = None, [], []
    for step in range(1000):
        now = step * 0.01
        if step == 500:
            memory = next(state for at, state in reversed(states) if at <= now - lag_s)
        memory, turn = ask(memory, Asking(), TEN, now)
        states.append((now, memory))
        if turn.kind is Kind.GO:
            granted.append(now)
    assert most_in_any(1.0, granted) <= 10 * (1 + lag_s)


@given(st.integers(1, 1000), st.integers(1, 50))
def test_parts_of_a_rate_are_in_sum_no_more_than_it_in_any_window(calls: int, share: int) -> None:
    rate = Rate(calls, 1.0)
    part = rate.split(share)
    assert share * part.per_s <= rate.per_s * (1 + 1e-9)
    most_each = 1 + math.floor((1.0 + LATE_S) / spacing_s(part, part.calls))
    if share <= calls:
        assert share * most_each <= calls
