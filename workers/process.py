"""One supervised child as its parent sees it: ask it, watch it, end it. Why it may be gone: `workers.failures`."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

from workers import failures
from workers.channel import ChannelClosed, MessageTooLarge
from workers.dialogue import Dialogue, Nonsense
from workers.failures import ChildCannotStart, ChildFailure, ChildStopped
from workers.last_words import LastWords, read_available
from workers.limits import ChildLimits, deadline_s, silence_s
from workers.messages import BatchDone, Ready, Reply, Request, Started, Undecodable, decode_reply, encode
from workers.patience import Patience
from workers.spawn import spawn

__all__ = ["ChildCannotStart", "ChildFailure", "ChildProcess", "ChildStopped"]

LOOK_EVERY_S = 0.1
LEAVING_S = 5.0
"""What a child that closed its socket gets to be gone by itself, so that its exit can be told."""
UNKILLABLE_S = 10.0
"""How long a killed child is waited for: one that hangs in the kernel, on a dead network share, is left to it."""


class ChildProcess:
    """A spawned interpreter with one socket to us, limits of its own, and none of our secrets.

    Used by one thread; only `stop_now` may come from another. `entry` is the function that runs in it: tests put
    misbehaving ones there. Raises ChildCannotStart when there is no process to be had.
    """

    def __init__(self, limits: ChildLimits, device: str = "auto", entry: str = "workers.child:main") -> None:
        self._limits = limits
        self._stop = False
        self._spawned = spawn(limits, device, entry)
        self._channel = self._spawned.channel
        self._watched = _seen(self._spawned.process.pid)
        self._last_words = LastWords(self._spawned.stderr)
        self._next_look_s = 0.0
        self._patience = Patience(limits.start_timeout_s, limits.start_timeout_s, time.monotonic())
        self._exit_code: int | None = None
        self._killed = False
        self._closed = False
        self.items_done = 0
        self.unheld: dict[str, str] = {}
        """Guards that the child could not put up, with the system's reasons: known once it is ready."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._spawned.process.pid

    def wait_ready(self) -> None:
        """Block until the child has loaded its libraries and set its limits. Raises ChildCannotStart, ChildStopped."""
        try:
            reply = self._next()
        except ChildStopped:
            raise
        except ChildFailure as error:
            passing = isinstance(error, failures.ChildCrashed)
            raise ChildCannotStart(self._why_no_start(error), passing) from error
        if not isinstance(reply, Ready):
            self._kill()
            raise ChildCannotStart(f"its first word was {type(reply).__name__}")
        self.unheld = reply.unheld

    def ask(self, request: Request) -> Iterator[Reply]:
        """Send one request and yield the replies as they come, checked, without the closing BatchDone.

        Each item's deadline runs from its Started. Raises a ChildFailure when the child is gone; it is dead then.
        """
        dialogue = Dialogue(request)
        self._allow(self._limits.timeout_s, self._limits.timeout_s)
        try:
            self._channel.send(encode(request), waiting=self._look)
        except ChannelClosed as error:
            raise self._left() from error
        while not isinstance(reply := self._heard(dialogue), BatchDone):
            if isinstance(reply, Started):
                item = request.items[reply.index]
                self._allow(deadline_s(item, self._limits), silence_s(item, self._limits))
            yield reply

    def worn_out(self) -> bool:
        """Whether it is time for a fresh child: enough items, or too much memory kept after one."""
        return self.items_done >= self._limits.recycle_items or self._rss_mb() > self._limits.recycle_memory_mb

    def stop_now(self) -> None:
        """From any thread: have the child killed; whoever waits in `ask` gets ChildStopped within a moment."""
        self._stop = True

    def close(self) -> None:
        """End the child, busy or not, and release everything. It has nothing to lose."""
        if self._closed:
            return
        self._closed = True
        self._kill()
        self._channel.close()
        for descriptor in (self._spawned.lifeline, self._spawned.pulse, self._spawned.stderr):
            os.close(descriptor)

    def _heard(self, dialogue: Dialogue) -> Reply:
        reply = self._next()
        answered = dialogue.answered
        try:
            dialogue.hear(reply)
        except Nonsense as error:
            self._kill()
            raise failures.talked_nonsense(str(error)) from error
        self.items_done += dialogue.answered - answered
        return reply

    def _next(self) -> Reply:
        """The next reply, however much the child says or does not say meanwhile."""
        while True:
            try:
                raw = self._channel.receive(LOOK_EVERY_S)
                self._look()
                if raw is not None:
                    return decode_reply(raw)
            except ChannelClosed as error:
                raise self._left() from error
            except (Undecodable, MessageTooLarge) as error:
                self._kill()
                raise failures.talked_nonsense(str(error)) from error

    def _allow(self, total_s: float, silent_s: float) -> None:
        read_available(self._spawned.pulse)  # beats of an idle child tell nothing of the work to come
        self._patience = Patience(total_s, silent_s, time.monotonic())

    def _look(self) -> None:
        """See to limits and deadlines, a few times a second at most. Kills and raises where one is passed."""
        now = time.monotonic()
        if now < self._next_look_s:
            return
        self._next_look_s = now + LOOK_EVERY_S
        self._last_words.drain()
        self._patience.look(now, bool(read_available(self._spawned.pulse)))
        failure = self._verdict()
        if failure is not None:
            self._kill()
            raise failure

    def _verdict(self) -> ChildFailure | None:
        if self._stop:
            return failures.stopped()
        if self._rss_mb() > self._limits.memory_mb:
            return failures.over_memory(self._limits)
        if self._patience.ran_out:
            return failures.hung(self._patience.fell_silent)
        return None

    def _rss_mb(self) -> float:
        try:
            return 0.0 if self._watched is None else float(self._watched.memory_info().rss) / 2**20
        except psutil.Error:
            return 0.0  # it is just dying; the closed pipe tells the rest

    def _left(self) -> ChildFailure:
        """Why the child's end of the socket is closed. It is dead after this."""
        with suppress(subprocess.TimeoutExpired):
            self._exit_code = self._spawned.process.wait(LEAVING_S)
        by_itself = self._exit_code
        self._kill()
        if self._stop:
            return failures.stopped()
        if by_itself is None:
            return failures.talked_nonsense("it closed its socket and stayed")
        return failures.crashed(by_itself, self._last_words.line())

    def _kill(self) -> None:
        """End the child and whatever it may have started: it leads a process group of its own."""
        if self._killed:
            return  # its number may be another's by now
        self._killed = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._spawned.process.wait(UNKILLABLE_S)

    def _why_no_start(self, error: ChildFailure) -> str:
        match error:
            case failures.ChildHung():
                how = f"it was not ready within {self._limits.start_timeout_s:g} s"
            case failures.ChildOverMemory():
                how = f"it took more than {self._limits.memory_mb} MB to start (MOODREEL_CHILD_MEMORY_MB)"
            case _ if self._exit_code is not None:
                how = f"it ended by {failures.how_it_ended(self._exit_code)} while starting"
            case _:
                how = error.problem.reason
        return f"{how}\n{self._last_words.text()}".rstrip()


def _seen(pid: int) -> psutil.Process | None:
    """A process to be measured, or None where it is gone already."""
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None
