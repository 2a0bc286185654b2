"""Who takes part in a chaos run, and what would keep them alive in real life: what ends is started again, what was
submitted only half is resumed, and there is always something left to do.
"""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.support.fleet import Fleet
from tests.support.programs import Program

WORKERS = 3
RESTART_S = 2.0
LOW_WATER = 25
"""The next job is submitted while so many segments of others are still to be done."""
UNAVAILABLE = 3
"""The exit code of what found no database when it was started."""
LEFT = "SELECT count(*) FROM segment WHERE state IN ('queued', 'running')"


class Cast:
    """The workers, the reaper, the submitter of a fleet."""

    def __init__(self, fleet: Fleet, media: Path, samplings: Iterator[str]) -> None:
        self.fleet = fleet
        self._media = media
        self._samplings = samplings
        self._due: dict[str, float] = {f"worker-{number}": 0.0 for number in range(WORKERS)} | {"reaper": 0.0}
        self.parts: dict[str, Program] = {}
        self.leaving: list[Program] = []
        self.frozen: set[str] = set()
        self.killed: set[int] = set()
        self.submitter: Program | None = None
        self.counts: Counter[str] = Counter()
        self.surprises: list[str] = []
        """What ended though nobody had touched it."""
        self._next: str | None = None
        self._submitter_due = 0.0

    @property
    def workers(self) -> list[str]:
        """The workers that run now and are not frozen."""
        return [name for name in self.parts if name.startswith("worker") and name not in self.frozen]

    @property
    def missing(self) -> bool:
        """Whether somebody is still to be started again."""
        return bool(self._due)

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]] | None:
        """Rows, or None while there is no server."""
        try:
            return self.fleet.rows(statement, *values)
        except psycopg.OperationalError:
            return None

    def begin(self) -> None:
        """Until everybody is on stage."""
        self.keep_alive(more_jobs=False)
        self.fleet.await_ready(*self.parts.values())

    def keep_alive(self, *, more_jobs: bool) -> None:
        """Start what is down and due; look after submissions."""
        for name, program in list(self.parts.items()):
            if program.code is not None:
                self._ended(name, program)
        for name, due in list(self._due.items()):
            if time.monotonic() >= due:
                del self._due[name]
                self.parts[name] = self.fleet.reaper() if name == "reaper" else self.fleet.worker("--concurrency", "1")
        self._mind_submissions(more_jobs)

    def kill(self, name: str, for_s: float) -> None:
        """SIGKILL; it is started again after a while."""
        self.killed.add(self.parts[name].pid)
        self.parts[name].kill()
        del self.parts[name]
        self.frozen.discard(name)
        self._due[name] = time.monotonic() + for_s

    def tell_to_end(self, name: str, number: int) -> None:
        """A signal that asks; another takes its place at once, as in an upgrade."""
        self.parts[name].send(number)
        self.leaving.append(self.parts.pop(name))
        self._due[name] = 0.0

    def kill_submitter(self) -> bool:
        """SIGKILL of whoever submits, if anybody does."""
        if self.submitter is None or self.submitter.code is not None:
            return False
        self.killed.add(self.submitter.pid)
        self.submitter.kill()
        return True

    def jobs_left(self) -> bool:
        """Whether any job is not finished, as far as can be told."""
        left = self.ask("SELECT 1 FROM job WHERE finished_at IS NULL LIMIT 1")
        return left is None or bool(left)

    def _ended(self, name: str, program: Program) -> None:
        del self.parts[name]
        self._due[name] = time.monotonic() + RESTART_S
        if program.code == UNAVAILABLE:
            self.counts["started without a database"] += 1
        else:
            self.surprises.append(f"{program.log.stem} ended with {program.code}:\n{program.tail()}")

    def _mind_submissions(self, more_jobs: bool) -> None:
        if self.submitter is not None:
            if self.submitter.code is None:
                return
            if self.submitter.code not in (0, UNAVAILABLE) and self.submitter.pid not in self.killed:
                self.surprises.append(f"a submission ended with {self.submitter.code}:\n{self.submitter.tail()}")
            self._submitter_due = time.monotonic() + RESTART_S * bool(self.submitter.code)
            self.submitter = None
        if time.monotonic() < self._submitter_due:
            return
        unsealed = self.ask("SELECT id FROM job WHERE sealed_at IS NULL")
        if unsealed:
            self.counts["resumed"] += 1
            self.submitter = self.fleet.start("resume", unsealed[0][0])
        elif unsealed == [] and more_jobs:
            self._submit_if_dry()

    def _submit_if_dry(self) -> None:
        left, jobs = self.ask(LEFT), self.ask("SELECT name FROM job")
        if left is None or jobs is None or left[0][0] >= LOW_WATER:
            return
        if self._next is None or (self._next,) in jobs:
            self._next = next(self._samplings)
        self.submitter = self.fleet.submit(self._media, "--every", self._next, "--name", self._next)
