"""The program as a user starts it, for benchmarks: how long it takes, and the CPU of it and all its children."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ran:
    """One run of the program, from start to end."""

    wall_s: float
    cpu_s: float
    """Of the program and of all children that it waited for."""
    summary: dict[str, Any]
    """What `--json --profile` prints."""

    @property
    def stages_s(self) -> dict[str, float]:
        """CPU seconds by stage."""
        return dict(self.summary["stages_s"])


@dataclass
class Running:
    """A run that has begun, in a folder of its own for its database."""

    process: "subprocess.Popen[str]"
    began: float

    def ended(self) -> Ran:
        """Wait for it. Raises RuntimeError where it failed."""
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.monotonic() - self.began
        if self.process.returncode:
            raise RuntimeError(f"{self.process.args} ended with {self.process.returncode}")
        return Ran(wall_s, usage.ru_utime + usage.ru_stime, json.loads(said))


def as_installed() -> dict[str, str]:
    """The environment of a contestant: Python keeps what it compiled, as it does of what pip installs."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def begin(paths: Sequence[Path], folder: Path, *options: str) -> Running:
    """Start `moodreel run` on paths, with a new database in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [
        "run",
        *map(str, paths),
        "--database",
        f"sqlite:///{folder / 'moodreel.db'}",
        "--json",
        "--profile",
        *options,
    ]
    command = [sys.executable, "-m", "jobs", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=as_installed()
    )
    return Running(process, time.monotonic())


def run(paths: Sequence[Path], folder: Path, *options: str) -> Ran:
    """Run it from start to end."""
    return begin(paths, folder, *options).ended()
