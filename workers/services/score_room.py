"""Where `moodreel serve` scores: a few threads, each with a scorer of its own, and one line before them.

A thread takes its fair share of what waits, up to a batch, and scores it in one run: singles that come at the same time
share its cost, and none is held back to wait for company.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from workers.errors import ModelError
from workers.scoring.base import EmotionScorer

BATCH = 16
"""Faces a run, where more wait; an order of more faces is run whole."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Order:
    crops: NDArray[np.uint8]
    done: "Future[Scores]" = field(default_factory=Future)


class ScoringRoom:
    """Scores for whoever asks, on `threads` threads. Close it and none is left."""

    def __init__(self, open_scorer: Callable[[], EmotionScorer], threads: int, batch: int = BATCH) -> None:
        """Loads the scorers. Raises what `open_scorer` raises."""
        self._open = open_scorer
        self._batch = batch
        self._line: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        opened: list[Future[None]] = [Future() for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._work, args=(one,), name=f"scoring-{number}", daemon=True)
            for number, one in enumerate(opened)
        ]
        for thread in self._threads:
            thread.start()
        try:
            for one in opened:
                one.result()
        except BaseException:
            self.close()
            raise

    def score(self, crops: NDArray[np.uint8]) -> "Future[Scores]":
        """Probabilities, float32 [n, 8], of gray crops, uint8 [n, 64, 64]; or a ModelError, or what the scorer raised.

        Cancel it, and what is not begun is not done.
        """
        order = _Order(crops)
        self._line.put(order)
        return order.done

    def close(self) -> None:
        """Score what waits, and end the threads."""
        for _ in self._threads:
            self._line.put(None)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _work(self, opened: "Future[None]") -> None:
        try:
            scorer = self._open()
        except BaseException as error:  # noqa: BLE001  raised again where the room is made
            opened.set_exception(error)
            return
        with scorer:
            opened.set_result(None)
            while orders := self._take():
                _serve(scorer, orders)

    def _take(self) -> list[_Order]:
        """What to score next, at least one; nothing at the end."""
        first = self._line.get()
        if first is None:
            return []
        orders, faces = [first], len(first.crops)
        share = -(-self._line.qsize() // len(self._threads))
        while share > 0 and faces < self._batch:
            try:
                order = self._line.get_nowait()
            except queue.Empty:
                break
            if order is None:
                self._line.put(None)  # the end, for the next to see
                break
            orders.append(order)
            faces += len(order.crops)
            share -= 1
        return orders


def _serve(scorer: EmotionScorer, orders: list[_Order]) -> None:
    orders = [order for order in orders if order.done.set_running_or_notify_cancel()]
    if not orders:
        return
    try:
        scores = _checked(scorer, np.concatenate([order.crops for order in orders]))
    except Exception as error:  # noqa: BLE001  whatever a scorer raises is for those who wait for it
        for order in orders:
            order.done.set_exception(error)
        return
    at = 0
    for order in orders:
        order.done.set_result(scores[at : at + len(order.crops)])
        at += len(order.crops)


def _checked(scorer: EmotionScorer, crops: NDArray[np.uint8]) -> Scores:
    scores = scorer.score(crops)
    if scores is None or scores.shape != (len(crops), len(EMOTIONS)):
        raise ModelError(
            "scorer.contract",
            f"the scorer gave no {len(crops)} rows of {len(EMOTIONS)} probabilities",
            "use another scorer (`moodreel scorers`), or tell the one who wrote it",
        )
    return scores
