"""The programs of a self-test: `moodreel` itself, in processes that know nothing of the user's settings and keys."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LONGEST_S = 120.0
STARTS_S = 60.0
_KNOWS = ("MOODREEL_", "AWS_")
_LISTENS = re.compile(r" at (http://\S+/score)$")


class NeverBegan(Exception):
    """A program that should serve does not."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    code: int
    err: str

    def __str__(self) -> str:
        said = " ".join(self.err.split())
        return f"exit status {self.code}: {said[-300:] or 'it said nothing'}"


def run(folder: Path, scorer: str, **environment: str) -> Ended:
    """`moodreel run` over the folder's portrait, into the folder's database."""
    arguments = ("run", "portrait.jpg", "--scorer", scorer, "--workers", "1", "--quiet")
    try:
        done = subprocess.run(
            _command(*arguments),
            cwd=folder,
            env=_environment(folder, environment),
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ended(-1, f"it did not end within {LONGEST_S:g} s")
    return Ended(done.returncode, done.stderr)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """`moodreel serve` on a free port of this machine; the address of its /score. Raises NeverBegan."""
    command = _command("serve", "--port", "0", "--threads", "1")
    with subprocess.Popen(
        command, cwd=folder, env=_environment(folder, {}), stderr=subprocess.PIPE, text=True
    ) as program:
        late = threading.Timer(STARTS_S, program.kill)
        late.start()
        try:
            yield _address(program)
        finally:
            late.cancel()
            program.terminate()
            program.communicate()


def _address(program: "subprocess.Popen[str]") -> str:
    said = []
    assert program.stderr is not None  # noqa: S101  it is a pipe
    for line in program.stderr:
        listens = _LISTENS.search(line)
        if listens is not None:
            return listens[1]
        said.append(line)
    raise NeverBegan(f"moodreel serve did not begin: {' '.join(said)[-300:]}")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "jobs", *arguments]


def _environment(folder: Path, more: dict[str, str]) -> dict[str, str]:
    """Ours, without settings, credentials and proxies; what we import is found where we found it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_KNOWS) and not name.lower().endswith("_proxy")
    }
    nowhere = str(folder / "none")
    no_account = {"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere}
    paths = [path for path in sys.path if path]
    return kept | no_account | {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": os.pathsep.join(paths)} | more
