"""Threads for requests that nobody can break off: who closes waits a moment for them, and leaves the rest to the end of
the process.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Errands(Generic[T]):
    """A few threads that do one thing after the other. What is sent once they are closed is never done."""

    def __init__(self, threads: int, name: str) -> None:
        self._most = threads
        self._name = name
        self._waiting: queue.SimpleQueue[tuple[Future[T], Callable[[], T]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False

    def send(self, work: Callable[[], T]) -> Future[T]:
        """Have it done when a thread is free."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                future.cancel()
                return future
            self._waiting.put((future, work))
            if len(self._threads) < self._most:
                self._threads.append(threading.Thread(target=self._run, name=self._name, daemon=True))
                self._threads[-1].start()
        return future

    def close(self, patience_s: float) -> None:
        """Begin nothing more, and wait so long for what is under way."""
        with self._lock:
            self._closed = True
        until = time.monotonic() + patience_s
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while (errand := self._waiting.get()) is not None:
            future, work = errand
            if self._closed:
                future.cancel()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  told to whoever asks for the result
                future.set_exception(error)
