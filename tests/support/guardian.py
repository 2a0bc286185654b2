"""The guardian: a process that starts programs for a test and leaves nothing of them behind, however the test ends.

Run as a script with a socket for its standard input. Whatever its programs start, orphans in sessions of their own
included, belongs to it; when the socket closes it kills them all and removes its folder. A program that would leave
something behind elsewhere may have a signal first, and a moment.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import psutil

MOMENT_S = 10.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class Guardian:
    """Serves the orders of one test process."""

    def __init__(self, orders: Connection, folder: str) -> None:
        self._orders = orders
        self._folder = folder
        self._programs: list[subprocess.Popen[bytes]] = []
        self._farewells: dict[int, int] = {}

    def serve(self) -> None:
        """Until nobody can give orders any more."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGCHLD, lambda *_: self._bury())
        try:
            while True:
                order = self._orders.recv()
                # No death may be told before its birth.
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
                self._start(order)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        except (EOFError, ConnectionError):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            self._part()
            _end_all()
            shutil.rmtree(self._folder)

    def _start(self, order: dict[str, Any]) -> None:
        farewell = order.pop("farewell")
        try:
            with open(order.pop("out"), "ab") as out, open(order.pop("log"), "ab") as log:  # noqa: PTH123
                program = subprocess.Popen(
                    **order,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=_last_preparations,  # noqa: PLW1509  there are no threads here
                )
        except OSError as error:
            self._orders.send(("refused", 0, str(error)))
            return
        self._programs.append(program)
        if farewell is not None:
            self._farewells[program.pid] = farewell
        self._orders.send(("started", program.pid, None))

    def _bury(self) -> None:
        """Take note of every death, orphans' too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._farewells.pop(pid, None)
            with suppress(OSError):  # where nobody listens any more the end is near
                self._orders.send(("ended", pid, os.waitstatus_to_exitcode(status)))

    def _part(self) -> None:
        for pid, farewell in list(self._farewells.items()):
            with suppress(ProcessLookupError):
                os.kill(pid, farewell)
        until = time.monotonic() + MOMENT_S
        while self._farewells and time.monotonic() < until:
            time.sleep(0.01)


def _last_preparations() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_all() -> None:
    """Kill until nobody is left: one that is killed may have had a child on the way."""
    while family := psutil.Process().children(recursive=True):
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        time.sleep(0.01)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)


if __name__ == "__main__":
    Guardian(Connection(os.dup(0)), sys.argv[1]).serve()
