"""The guardian: a process that starts programs for a test and leaves nothing of them behind, however the test ends.

Whatever its programs start, orphans in sessions of their own included, belongs to it; when the line to the test closes
it kills them all and removes its folder. A program that would leave something behind elsewhere may have a signal first,
and a moment. Where it is one of ours, it is forked: see forked.py.
"""

import ctypes
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import psutil

from tests.support.forked import OURS, become, write_to

MOMENT_S = 10.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class Guardian:
    """Serves the orders of one test process."""

    def __init__(self, orders: Connection, folder: str) -> None:
        self._orders = orders
        self._folder = folder
        self._programs: list[subprocess.Popen[bytes]] = []
        self._forked: list[BaseProcess] = []
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
            pid = self._fork(order) if order["args"][: len(OURS)] == OURS else self._run(order)
        except OSError as error:
            self._orders.send(("refused", 0, str(error)))
            return
        if farewell is not None:
            self._farewells[pid] = farewell
        self._orders.send(("started", pid, None))

    def _run(self, order: dict[str, Any]) -> int:
        with open(order.pop("out"), "ab") as out, open(order.pop("log"), "ab") as log:  # noqa: PTH123
            program = subprocess.Popen(
                **order,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
                preexec_fn=_last_preparations,  # noqa: PLW1509  there are no threads here
            )
        self._programs.append(program)
        return program.pid

    def _fork(self, order: dict[str, Any]) -> int:
        process = multiprocessing.get_context("fork").Process(target=self._become, args=(order,))
        process.start()
        self._forked.append(process)
        assert process.pid is not None
        return process.pid

    def _become(self, order: dict[str, Any]) -> NoReturn:
        os.setsid()
        self._orders.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _last_preparations()
        write_to(order["out"], order["log"])
        become(order["args"][len(OURS) :], str(order["cwd"]), order["env"])

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


def guard(orders: Connection, folder: str) -> None:
    """Be the guardian of one test process, until it closes the line."""
    os.setsid()
    Guardian(orders, folder).serve()
