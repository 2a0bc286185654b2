"""Programs that a test starts, kills, stops and waits for. None outlives the test, however it ends: see guardian.py."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

from tests.support.dbplace import quick_place
from tests.support.forked import forking
from tests.support.guardian import guard

STOP_S = 60.0


class Program:
    """A program that was started: a process, and whatever it starts itself."""

    def __init__(self, programs: "Programs", pid: int, out: Path, log: Path) -> None:
        self._programs = programs
        self._process = _process(pid)
        self.pid = pid
        self.out = out
        self.log = log

    @property
    def code(self) -> int | None:
        """Its exit code (minus the signal that killed it), None while it runs."""
        return self._programs.code(self.pid)

    @property
    def family(self) -> list[psutil.Process]:
        """Its living descendants."""
        if self._process is None:
            return []
        try:
            found = self._process.children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [one for one in found if is_alive(one)]

    def send(self, number: int) -> None:
        """A signal, where it still runs."""
        if self._process is not None:
            with suppress(psutil.NoSuchProcess):  # psutil never takes a newcomer of the same id for it
                self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, of it alone; what it started has to notice by itself."""
        self.send(signal.SIGKILL)
        self.wait()

    def kill_all(self) -> None:
        """SIGKILL of it and all its descendants, as if the machine had gone."""
        self.send(signal.SIGSTOP)  # it starts no other while we count
        family = self.family
        for one in family:  # these first: none is to see its parent's end and say something of it
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.send(signal.SIGKILL)
        self.wait()
        psutil.wait_procs(family, STOP_S)

    def freeze(self) -> None:
        """SIGSTOP, of it alone: it notices nothing of what goes on until it thaws."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.send(signal.SIGCONT)

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = STOP_S) -> int:
        """Ask it to end; its exit code."""
        self.send(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = STOP_S) -> int:
        """Its exit code, once it has ended."""
        return self._programs.wait(self, timeout_s)

    def tail(self, size: int = 3000) -> str:
        """The end of what it logged."""
        return self.log.read_text("utf-8", "replace")[-size:]


class Programs:
    """Programs that live in one folder, and end with it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="moodreel-", dir=quick_place()))
        self.folder.chmod(0o711)  # PostgreSQL's account has to get to a folder below
        self._codes: dict[int, int] = {}
        self._line, theirs = forking.Pipe()
        with theirs:
            self._guardian = forking.Process(target=guard, args=(theirs, str(self.folder)))
            self._guardian.start()

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        account: Mapping[str, Any] | None = None,
        farewell: int | None = None,
    ) -> Program:
        """Start a program; `NAME.out` and `NAME.log` get what it writes.

        `account`: `user`, `group` and `extra_groups` of its process. `farewell`: the signal it gets, and a moment, in
        case it still runs when everything is killed.
        """
        out, log = self.folder / f"{name}.out", self.folder / f"{name}.log"
        out.touch()
        log.touch()
        order = {
            "args": list(map(str, argv)),
            "cwd": cwd or self.folder,
            "env": dict(os.environ if env is None else env),
        }
        self._line.send(order | {"out": out, "log": log, "farewell": farewell} | dict(account or {}))
        while (told := self._hear())[0] == "ended":
            pass
        kind, pid, error = told
        if kind == "refused":
            raise RuntimeError(f"{name} did not start: {error}")
        self._codes.pop(pid, None)
        return Program(self, pid, out, log)

    def code(self, pid: int) -> int | None:
        """The exit code of a program, None while it runs."""
        while self._line.poll():
            self._hear()
        return self._codes.get(pid)

    def wait(self, program: Program, timeout_s: float) -> int:
        """The exit code of a program, once it has ended."""
        until = time.monotonic() + timeout_s
        while (code := self.code(program.pid)) is None:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{program.log.stem} still runs after {timeout_s:.0f} s:\n{program.tail()}")
            self._line.poll(left)
        return code

    def close(self) -> None:
        """End everything at once; the folder goes too."""
        self._line.close()
        self._guardian.join(STOP_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hear(self) -> tuple[str, int, Any]:
        told: tuple[str, int, Any] = self._line.recv()
        kind, pid, code = told
        if kind == "ended":
            self._codes[pid] = code
        return told


def await_true(ready: Callable[[], bool], what: Callable[[], str], timeout_s: float, every_s: float = 0.05) -> None:
    """Wait for something that will happen; an AssertionError that says `what` where it does not."""
    until = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < until, f"waited {timeout_s:.0f} s in vain: {what()}"
        time.sleep(every_s)


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs. One that its parent has yet to bury does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None  # it has ended already
