"""A worker notices that it has gone deaf, and takes nothing else for it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from workers.bell import BrokerLost
from workers.ears import DEAF_S, Ears


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Queue:
    """A broker that tells how many messages wait; None: it is gone."""

    def __init__(self, waiting: int | None) -> None:
        self.waiting = waiting

    @contextmanager
    def line(self) -> Iterator["Queue"]:
        if self.waiting is None:
            raise BrokerLost("gone")
        yield self

    def depth(self, queue: str) -> int:
        assert queue == "cpu"
        return self.waiting or 0

    def publish(self, queue: str, segment_ids: Sequence[int]) -> None:
        raise AssertionError(f"ears only listen: {queue} {segment_ids}")

    def epoch(self) -> tuple[str, bool]:
        raise AssertionError("ears only listen")


def listened(ears: Ears, clock: Clock, seconds: float) -> bool:
    """Whether it is found deaf within so many seconds of listening."""
    until = clock.now + seconds
    while clock.now < until:
        clock.now += 10.0
        if ears.are_deaf():
            return True
    return False


def test_bells_that_wait_while_nothing_is_in_hand_mean_deafness() -> None:
    clock = Clock()
    ears = Ears(Queue(3), ("cpu",), clock)
    assert not listened(ears, clock, DEAF_S - 10)
    assert listened(ears, clock, 20)


def test_an_idle_worker_without_bells_or_without_a_broker_is_not_deaf() -> None:
    for waiting in (0, None):
        clock = Clock()
        assert not listened(Ears(Queue(waiting), ("cpu",), clock), clock, 3 * DEAF_S)


def test_a_worker_that_answers_a_bell_for_an_hour_is_not_deaf() -> None:
    clock = Clock()
    ears = Ears(Queue(3), ("cpu",), clock)
    with ears.answering():
        assert not listened(ears, clock, 3600)
    assert not listened(ears, clock, DEAF_S - 10)
    assert listened(ears, clock, 20)


def test_a_broker_that_was_away_gives_it_time_again() -> None:
    clock, queue = Clock(), Queue(3)
    ears = Ears(queue, ("cpu",), clock)
    assert not listened(ears, clock, DEAF_S - 10)
    queue.waiting = None
    assert not listened(ears, clock, 10)
    queue.waiting = 3
    assert not listened(ears, clock, DEAF_S - 10)


def test_giving_up_is_called_once_and_ends_the_listening() -> None:
    clock, given_up = Clock(), []
    ears = Ears(Queue(1), ("cpu",), clock)

    def wait(seconds: float) -> bool:
        clock.now += seconds
        return False

    ears.run(wait, lambda: given_up.append(clock.now))
    assert given_up == [DEAF_S]
