"""Several recordings drawn side by side, each by a child of its own; where one fails, the others go on."""

import queue
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from types import TracebackType
from typing import Self

from jobs.annotate.folder import OutputFolder
from jobs.annotate.request import Failed, Result
from jobs.annotate.scene import Item, Scene
from jobs.annotate.studio import Interrupted, Studio
from jobs.annotate.tally import Tally
from jobs.control import CannotWork, Stop
from jobs.progress import Progress
from workers.errors import MachineFault
from workers.failures import ChildCannotStart, ChildStopped
from workers.lane import Lane
from workers.limits import ChildLimits

LOOK_EVERY_S = 0.2


class Crew:
    """`size` lanes that draw into a folder. Close it and no child is left behind."""

    def __init__(self, size: int, limits: ChildLimits, folder: OutputFolder, stop: Stop) -> None:
        self._lanes = [Lane(limits, "cpu") for _ in range(size)]
        self._studios: queue.SimpleQueue[Studio] = queue.SimpleQueue()
        for lane in self._lanes:
            self._studios.put(Studio(lane, folder))
        self._stop = stop
        self._results: dict[int, list[Result]] = {}
        self._broken: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for lane in self._lanes:
            lane.close()

    def draw(self, scene: Scene, items: Sequence[Item], tally: Tally, progress: Progress) -> list[Result]:
        """Draw every item, as far as nobody stops it. Raises JobError where this machine cannot go on."""
        with ThreadPoolExecutor(len(self._lanes), "annotate") as pool:
            futures = [pool.submit(self._draw, scene, item, tally) for item in items]
            try:
                self._watch(set(futures), tally, progress)
            finally:
                self._end(futures)
        if self._broken is not None:
            raise self._broken
        return [result for item in items for result in self._results.get(item.number, ())]

    @property
    def _is_stopping(self) -> bool:
        return self._stop.level > 0 or self._broken is not None

    def _watch(self, left: "set[Future[None]]", tally: Tally, progress: Progress) -> None:
        """Show how far it is until all is done, and pass on what somebody at the keyboard wants."""
        told = 0
        while left:
            _, left = wait(left, LOOK_EVERY_S, FIRST_COMPLETED)
            progress.show(tally.snapshot())
            if self._stop.level > told:
                told = self._stop.level
                progress.say(
                    "finishing what is being drawn; press Ctrl-C again to stop now" if told == 1 else "stopping"
                )
            if told > 1 or self._broken is not None:
                return
            if told:
                left = {future for future in left if not future.cancel()}

    def _end(self, futures: "Sequence[Future[None]]") -> None:
        """Whatever is still drawn is given up."""
        for future in futures:
            future.cancel()
        for lane in self._lanes:
            lane.stop_now()

    def _draw(self, scene: Scene, item: Item, tally: Tally) -> None:
        """One item. What stops everything is kept for whoever waits."""
        if self._is_stopping:
            return
        results = self._results.setdefault(item.number, [])
        studio = self._studios.get()
        try:
            for result in scene.play(item, studio, partial(tally.report, item.number), lambda: self._is_stopping):
                results.append(result)
            tally.settle(item.number, well=not any(isinstance(one, Failed) for one in results))
        except (Interrupted, InterruptedError, ChildStopped):
            return
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits for all
            self._broken = self._broken or _in_words(error)
        finally:
            self._studios.put(studio)


def _in_words(error: BaseException) -> BaseException:
    """What keeps this machine from drawing anything."""
    match error:
        case MachineFault():
            return CannotWork(error.reason, error.hint)
        case ChildCannotStart():
            return CannotWork(f"no child process can work: {error}", "run `moodreel doctor`")
    return error
