"""Whose turn the next task is: of all who are idle, theirs who became idle last.

A lane whose child lives and is warm is so preferred to one that would have to start a child first, and a run over a
few small files starts no more children than it keeps busy.
"""

import queue
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

Task = TypeVar("Task")
Bell = queue.SimpleQueue[None]
"""One for each taker; it hears from it that there may be something to take."""


class Turns(Generic[Task]):
    """Tasks in the order they were put, between threads. No method takes a lock: signal handlers may call any."""

    def __init__(self) -> None:
        self._tasks: deque[Task] = deque()
        self._idle: deque[Bell] = deque()
        self._closed = False

    def put(self, task: Task) -> None:
        """Add a task, and wake a taker for it."""
        self._tasks.append(task)
        self._wake_one()

    def get(self, bell: Bell) -> Task | None:
        """The next task; waits for one. None once it is closed."""
        while not self._closed:
            with suppress(IndexError):
                return self._tasks.popleft()
            self._idle.append(bell)
            if self._tasks or self._closed:  # since we looked, and before anybody knew that we are idle
                self._wake_one()
            bell.get()
        return None

    def withdraw(self) -> list[Task]:
        """Take back every task that nobody has taken."""
        taken = []
        with suppress(IndexError):
            while True:
                taken.append(self._tasks.popleft())
        return taken

    def close(self) -> None:
        """Let every taker go."""
        self._closed = True
        for _ in range(len(self._idle)):
            self._wake_one()

    def _wake_one(self) -> None:
        with suppress(IndexError):
            self._idle.pop().put(None)
