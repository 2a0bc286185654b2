"""Where the CPU time of one segment goes, by stage: for the summary, and for whoever wants to make it faster."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class Stages:
    """CPU seconds by stage, of the whole process; stages do not nest. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Charge the body to `stage`."""
        started = self._clock()
        try:
            yield
        finally:
            self.charge(stage, self._clock() - started)

    def charge(self, stage: str, seconds: float) -> None:
        """Charge so much to `stage`."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    def each(self, stage: str, items: Iterator[Item]) -> Iterator[Item]:
        """Charge the production of every item to `stage`. No item is kept while the next is made."""
        while True:
            with self.timed(stage):
                item = next(items, None)
            if item is None:
                return
            yield item
            del item
