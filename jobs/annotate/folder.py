"""The folder that is written into: nothing outside it, no recording, and nothing that is there unless forced."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from db import files
from db.records import Problem
from jobs.disk import DiskTrouble, refusal
from jobs.errors import UsageError


class Refused(Exception):
    """A file is not written: `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


class OutputFolder:
    """Where drawn files go. `recordings` gives the real paths of what must never be written over."""

    def __init__(self, folder: Path, *, force: bool, recordings: Callable[[], frozenset[bytes]]) -> None:
        """Makes the folder. Raises UsageError, DiskTrouble."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise UsageError(f"{folder} is a file", "name a folder with --output") from error
        except OSError as error:
            raise refusal(folder, error) from error
        self._real = os.path.realpath(os.fsencode(folder))
        self._folder = folder
        self._force = force
        self._recordings = recordings

    def path_of(self, name: bytes) -> Path:
        """Where a file of this relative path is written."""
        return self._folder / os.fsdecode(name)

    def check(self, name: bytes) -> None:
        """Raise Refused for a file that will not be written."""
        path = os.path.join(self._real, name)  # noqa: PTH118  names are bytes
        parent = os.path.realpath(os.path.dirname(path))  # noqa: PTH120
        if parent != self._real and not parent.startswith(self._real.rstrip(b"/") + b"/"):
            raise Refused(_OUTSIDE)
        if os.path.islink(path):  # noqa: PTH114
            raise Refused(_LINK)
        if not os.path.lexists(path):
            return
        if os.path.realpath(path) in self._recordings():
            raise Refused(_RECORDING)
        if not self._force:
            raise Refused(_EXISTS)

    @contextmanager
    def whole_file(self, name: bytes) -> Iterator[Path]:
        """A path to write to; the file takes its name once the body is done. Raises Refused, DiskTrouble."""
        self.check(name)
        path = self.path_of(name)
        with _in_words(path), self._parents(path), files.whole_file(path, replace=self._force) as partial:
            yield partial

    @contextmanager
    def _parents(self, path: Path) -> Iterator[None]:
        """The folders on the way to a file; those that are left empty go again."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield
        finally:
            parent = path.parent
            with suppress(OSError):
                while parent != self._folder:
                    parent.rmdir()
                    parent = parent.parent


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise Refused(_EXISTS) from error
    except OSError as error:
        said = refusal(path, error)
        if isinstance(said, DiskTrouble):
            raise said from error
        raise Refused(Problem("output.refused", str(said), said.hint)) from error


_OUTSIDE = Problem(
    "output.outside",
    "a link in the output folder leads out of it: nothing is written there",
    "remove the link, or name another folder with --output",
)
_LINK = Problem(
    "output.link",
    "a link has its name in the output folder: what it leads to is not written over",
    "remove the link, or name another folder with --output",
)
_RECORDING = Problem(
    "output.recording",
    "the output folder holds the recording itself there: recordings are never written over",
    "name another folder with --output",
)
_EXISTS = Problem(
    "output.exists",
    "it is there already, and was left as it is",
    "add --force to replace it, or name another folder with --output",
)
