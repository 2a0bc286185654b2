"""One supervised child as its parent sees it: start it, ask it, watch it, end it.

ChildFailure            the child is gone, and why
├─ ChildCrashed         it died by itself: a signal, the system's memory killer, an exit
├─ ChildHung            it passed its deadline and was killed
├─ ChildOverMemory      it outgrew its limit and was killed
└─ ChildStopped         we were told to stop and killed it; nobody is to blame
ChildCannotStart        a new child never got ready: nothing will work until that is mended
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from types import TracebackType
from typing import IO, Self

import msgspec
import psutil

from db.records import Problem
from workers.channel import Channel, ChannelClosed
from workers.limits import ChildLimits, deadline_s
from workers.messages import BatchDone, Ready, Reply, Request, Started, decode_reply, encode

WATCH_EVERY_S = 0.25
KEPT_ENVIRONMENT = frozenset(
    (
        *("PATH", "HOME", "LANG", "TZ", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH"),
        *("CUDA_VISIBLE_DEVICES", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MOODREEL_MODEL_CACHE"),
    )
)
"""All that a child may know of our environment: an allow-list, so that no key or database URL can slip in."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_BOOTSTRAP = (
    "import json,sys;sys.path[:]=json.loads(sys.argv[1]);"
    "import importlib;importlib.import_module(sys.argv[2]).main(sys.argv[3])"
)


class ChildFailure(Exception):
    """The child is gone. `problem` says why, for the item it had in hand."""

    def __init__(self, code: str, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.problem = Problem(code, reason, hint, permanent=False)


class ChildCrashed(ChildFailure):
    """It died by itself."""


class ChildHung(ChildFailure):
    """It passed its deadline."""


class ChildOverMemory(ChildFailure):
    """It outgrew its limit."""


class ChildStopped(ChildFailure):
    """It was killed because we are stopping."""


class ChildCannotStart(Exception):
    """A new child never got ready; its last words are in the message."""


class ChildProcess:
    """A spawned interpreter with one socket to us, limits of its own, and none of our secrets.

    `entry` is the module whose `main` runs in it; tests put misbehaving ones there.
    """

    def __init__(self, limits: ChildLimits, device: str = "auto", entry: str = "workers.child") -> None:
        self._limits = limits
        self._stop = threading.Event()
        self.items_done = 0
        ours, theirs = socket.socketpair()
        lifeline_read, self._lifeline = os.pipe()
        options = {
            "socket": theirs.fileno(),
            "lifeline": lifeline_read,
            "limits": asdict(limits),
            "device": device,
        }
        paths = [path for path in sys.path if path]
        command = [sys.executable, "-I", "-c", _BOOTSTRAP, json.dumps(paths), entry, json.dumps(options)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(theirs.fileno(), lifeline_read),
            env=_clean_environment(),
            start_new_session=True,
        )
        theirs.close()
        os.close(lifeline_read)
        self._channel = Channel(ours)
        self._last_words = _LastWords(self._process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Block until the child has loaded its libraries and set its limits. Raises ChildCannotStart."""
        try:
            reply = self._next(time.monotonic() + self._limits.start_timeout_s)
        except ChildStopped:
            raise
        except ChildFailure as error:
            raise ChildCannotStart(f"{error.problem.reason}\n{self._last_words.text()}".rstrip()) from error
        if not isinstance(reply, Ready):
            raise ChildCannotStart(f"its first word was {type(reply).__name__}")

    def ask(self, request: Request) -> Iterator[Reply]:
        """Send one request and yield the replies as they come, without the closing BatchDone.

        Each item's deadline runs from its Started. Raises a ChildFailure when the child is gone; it is dead then.
        """
        deadline = time.monotonic() + self._limits.timeout_s
        try:
            self._channel.send(encode(request))
        except ChannelClosed as error:
            raise self._died() from error
        while not isinstance(reply := self._next(deadline), BatchDone):
            if isinstance(reply, Started):
                deadline = time.monotonic() + deadline_s(request.items[reply.index], self._limits)
            yield reply
        self.items_done += len(request.items)

    def worn_out(self) -> bool:
        """Whether it is time for a fresh child: enough items, or too much memory kept after one."""
        return self.items_done >= self._limits.recycle_items or self._rss_mb() > self._limits.recycle_memory_mb

    def stop_now(self) -> None:
        """From any thread: kill the child; whoever waits in `ask` gets ChildStopped."""
        self._stop.set()
        self._kill()

    def close(self) -> None:
        """End the child and release everything. Idle children leave by themselves when the pipe closes."""
        self._channel.close()
        os.close(self._lifeline)
        try:
            self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()
        self._last_words.close()

    def _next(self, deadline: float) -> Reply:
        while True:
            try:
                raw = self._channel.receive(WATCH_EVERY_S)
                if raw is not None:
                    return decode_reply(raw)
            except ChannelClosed as error:
                raise self._died() from error
            except msgspec.DecodeError as error:
                self._kill()
                raise ChildCrashed("child.protocol", f"the child sent nonsense: {error}", _REPORT_HINT) from error
            self._check(deadline)

    def _check(self, deadline: float) -> None:
        if self._stop.is_set():
            self._kill()
            raise self._stopped()
        if self._rss_mb() > self._limits.memory_mb:
            self._kill()
            raise ChildOverMemory(
                "child.memory",
                f"analysing it took more than {self._limits.memory_mb} MB",
                "raise MOODREEL_CHILD_MEMORY_MB, or exclude the file, and `moodreel retry`",
            )
        if time.monotonic() > deadline:
            self._kill()
            raise ChildHung(
                "child.timeout",
                "analysing it did not end within its deadline",
                "raise MOODREEL_CHILD_TIMEOUT_S, or exclude the file, and `moodreel retry`",
            )

    def _rss_mb(self) -> float:
        try:
            return float(psutil.Process(self._process.pid).memory_info().rss) / 2**20
        except psutil.Error:
            return 0.0  # it is just dying; the closed pipe tells the rest

    def _kill(self) -> None:
        self._process.kill()

    def _stopped(self) -> ChildStopped:
        return ChildStopped("child.stopped", "the run was stopped", "`moodreel resume` continues it")

    def _died(self) -> ChildFailure:
        try:
            code = self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._kill()
            code = self._process.wait()
        if self._stop.is_set():
            return self._stopped()
        return _crash(code, self._last_words.text())


_REPORT_HINT = "please report it with the file's format and `moodreel doctor`"


def _crash(code: int, last_words: str) -> ChildCrashed:
    if code == -signal.SIGKILL:
        return ChildCrashed(
            "child.killed",
            "the system killed the child that analysed it, most likely for want of memory",
            "run fewer workers at a time (`--workers`), or give the machine more memory, and `moodreel retry`",
        )
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
    tail = f": {last_words.splitlines()[0]}" if last_words else ""
    return ChildCrashed("child.crashed", f"analysing it ended its child by {how}{tail}", _REPORT_HINT)


def _clean_environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in KEPT_ENVIRONMENT or k.startswith("LC_")}
    return kept | ONE_THREAD


class _LastWords:
    """The end of what a child wrote to stderr: C libraries and the interpreter explain a crash there."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None  # noqa: S101  narrows the type: Popen was given a pipe
        self._stream = stream
        self._lines: deque[str] = deque(maxlen=30)
        self._thread = threading.Thread(target=self._drain, name="child-stderr", daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        for line in self._stream:
            self._lines.append(line.decode("utf-8", "replace").rstrip()[:500])

    def text(self) -> str:
        """The last lines, once the child is dead or while it lives."""
        self._thread.join(timeout=0.2)
        return "\n".join(self._lines)

    def close(self) -> None:
        """Close the pipe, once the child is gone."""
        self._thread.join(timeout=1.0)
        self._stream.close()
