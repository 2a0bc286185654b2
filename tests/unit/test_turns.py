"""Whose turn a task is, and that no task and no taker is forgotten between threads."""

import queue
import threading

from workers.turns import Bell, Turns


class Taker:
    """A thread that takes one task at a time, when told to."""

    def __init__(self, turns: Turns[int]) -> None:
        self.took: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self.may_go_on = threading.Semaphore(0)
        self._turns = turns
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def _take(self) -> None:
        bell: Bell = queue.SimpleQueue()
        while True:
            task = self._turns.get(bell)
            self.took.put(task)
            if task is None:
                return
            self.may_go_on.acquire()


def until_idle(turns: Turns[int], takers: int) -> None:
    """Wait until so many wait for a task."""
    while len(turns._idle) != takers:
        pass


def test_the_last_who_became_idle_takes_the_next_task() -> None:
    turns: Turns[int] = Turns()
    first = Taker(turns)
    until_idle(turns, 1)
    second = Taker(turns)
    until_idle(turns, 2)
    for task in range(3):
        turns.put(task)
        assert second.took.get(timeout=10) == task
        second.may_go_on.release()
        until_idle(turns, 2)
    turns.put(3)
    assert second.took.get(timeout=10) == 3
    turns.put(4)
    assert first.took.get(timeout=10) == 4
    turns.close()
    for taker in (first, second):
        taker.may_go_on.release()
        assert taker.took.get(timeout=10) is None


def test_what_nobody_took_is_given_back_in_its_order() -> None:
    turns: Turns[int] = Turns()
    for task in range(3):
        turns.put(task)
    assert turns.withdraw() == [0, 1, 2]
    assert turns.withdraw() == []


def test_of_thousands_of_tasks_between_threads_each_is_taken_once_and_every_taker_is_let_go() -> None:
    turns: Turns[int] = Turns()
    taken: queue.SimpleQueue[int] = queue.SimpleQueue()

    def take() -> None:
        bell: Bell = queue.SimpleQueue()
        while (task := turns.get(bell)) is not None:
            taken.put(task)

    takers = [threading.Thread(target=take, daemon=True) for _ in range(5)]
    for taker in takers:
        taker.start()
    for task in range(5000):
        turns.put(task)
    assert sorted(taken.get(timeout=10) for _ in range(5000)) == list(range(5000))
    turns.close()
    for taker in takers:
        taker.join(timeout=10)
        assert not taker.is_alive()
