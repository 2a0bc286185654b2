"""kill -9 at random moments: whatever dies, the database ends as if nothing had happened."""

import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.runs import Ended, children_of, kill, moodreel, rows, sql, start, wait_until

SAMPLING = ("--every", "200ms", "--workers", "2")
MAX_CHILD_KILLS = 2
"""A segment may fail three times; two kills in all can never exhaust one."""


@pytest.fixture(scope="module")
def undisturbed(forty: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What a run gives that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ended = moodreel("run", forty, *SAMPLING, "--json", cwd=folder)
    assert ended.code == 1, ended.err
    counts = ended.summary["counts"]
    assert (counts["files"], counts["files_failed"], counts["frames"]) == (40, 2, 26 + 12 * 10)
    assert counts["faces"] == counts["frames"]
    return rows(folder / "moodreel.db")


class Saboteur:
    """Runs the forty files with interruptions that follow from a seed alone."""

    def __init__(self, seed: int, media: Path, folder: Path) -> None:
        self._random = random.Random(seed)
        self._media = media
        self._folder = folder
        self._child_kills = 0
        self.parent_kills = 0

    def run(self) -> Ended:
        """Start, kill, resume, and at last let it finish."""
        for _ in range(self._random.randint(1, 3)):
            self._disturb(self._start())
        return moodreel(*self._next_command(), "--json", cwd=self._folder)

    def _start(self) -> "subprocess.Popen[str]":
        return start(*self._next_command(), "--quiet", cwd=self._folder)

    def _next_command(self) -> tuple[str | Path, ...]:
        database = self._folder / "moodreel.db"
        tables = sql(database, "SELECT name FROM sqlite_master WHERE name = 'job'") if database.exists() else []
        begun = tables and sql(database, "SELECT id FROM job")
        return ("resume", "latest", "--workers", "2") if begun else ("run", self._media, *SAMPLING)

    def _disturb(self, process: "subprocess.Popen[str]") -> None:
        pauses = [self._random.uniform(0.05, 1.5) for _ in range(3)]
        victims = [self._random.choice(("child", "parent")) for _ in pauses]
        for pause, victim in zip(pauses, victims, strict=True):
            time.sleep(pause)
            children = children_of(process.pid)
            if victim == "parent" or not children:
                self._kill_parent(process, children)
                return
            if self._child_kills < MAX_CHILD_KILLS:
                self._child_kills += 1
                kill(self._random.choice(children))
        self._kill_parent(process, children_of(process.pid))

    def _kill_parent(self, process: "subprocess.Popen[str]", children: list[int]) -> None:
        kill(process.pid)
        process.communicate()
        self.parent_kills += 1
        wait_until(lambda: not any(_is_alive(child) for child in children))


def _is_alive(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def disturbed_run_gives_the_same(seed: int, forty: Path, folder: Path, expected: dict[str, Any]) -> None:
    """One seed, end to end."""
    saboteur = Saboteur(seed, forty, folder)
    ended = saboteur.run()
    assert saboteur.parent_kills
    assert ended.code == 1, ended.err
    assert rows(folder / "moodreel.db") == expected
    states = sql(folder / "moodreel.db", "SELECT state, count(*) FROM segment GROUP BY 1")
    assert states == [("done", 38)]
    assert sql(folder / "moodreel.db", "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_was_killed_ends_row_for_row_like_one_that_was_not(
    seed: int, forty: Path, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    disturbed_run_gives_the_same(seed, forty, tmp_path, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_many_runs_that_were_killed_end_like_one_that_was_not(
    seed: int, forty: Path, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    disturbed_run_gives_the_same(seed, forty, tmp_path, undisturbed)
