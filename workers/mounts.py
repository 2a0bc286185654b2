"""Which media roots are really there: a folder that is missing or empty is a mount that failed, and says nothing of the
files that should lie below it.
"""

import os
import time
from collections.abc import Callable
from threading import Lock

import structlog

from db.records import ClaimedSegment
from workers.errors import MachineFault
from workers.roots import MediaRoots
from workers.urls import is_url

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
HINT = "mount it there, or name the right folder in MOODREEL_MEDIA_ROOTS"


class Mounts:
    """The roots of one machine. They are looked at now and then, and when a file is missed below one."""

    def __init__(self, roots: MediaRoots, clock: Callable[[], float] = time.monotonic) -> None:
        self._roots = roots
        self._clock = clock
        self._absent: dict[str, str] = {}
        self._looked: float | None = None
        self._lock = Lock()

    def present(self) -> tuple[str, ...]:
        """Names of the roots below which work may be claimed. Raises MachineFault where there is none at all."""
        self._look_if_due()
        names = tuple(name for name in self._roots.folders if name not in self._absent)
        if not names and self._absent:
            raise MachineFault("; ".join(self._absent.values()), HINT)
        return names

    def names(self) -> tuple[str, ...]:
        """The roots that were there when somebody looked last. Touches no folder, so no dead mount holds it up."""
        return tuple(name for name in self._roots.folders if name not in self._absent)

    def lacks(self) -> list[str]:
        """Which roots were not there when somebody looked last, in words; touches no folder either."""
        return list(self._absent.values())

    def require(self, claim: ClaimedSegment) -> None:
        """Raise MachineFault where no root is there that a file of this claim may lie below: nothing is known of it."""
        self._look()
        names = {one.root.decode(errors="replace") for one in claim.locations}
        if names.isdisjoint(self.names()) and (said := [why for name, why in self._absent.items() if name in names]):
            raise MachineFault("; ".join(said), HINT)

    def _look_if_due(self) -> None:
        with self._lock:
            due = self._looked is None or self._clock() - self._looked >= LOOK_EVERY_S
        if due:
            self._look()

    def _look(self) -> None:
        absent = {name: why for name, folder in self._roots.folders.items() if (why := _why_absent(name, folder))}
        with self._lock:
            before, self._absent, self._looked = self._absent, absent, self._clock()
        for name in sorted(absent.keys() - before.keys()):
            log.warning("action=root-absent", root=name, reason=absent[name])
        for name in sorted(before.keys() - absent.keys()):
            log.warning("action=root-back", root=name)


def _why_absent(name: str, folder: bytes) -> str | None:
    if is_url(folder):
        return None
    where = f"media root {name} is not mounted at {os.fsdecode(folder).encode(errors='backslashreplace').decode()}"
    try:
        with os.scandir(folder) as entries:
            return None if any(True for _ in entries) else f"{where}: the folder is empty"
    except FileNotFoundError:
        return f"{where}: there is no such folder"
    except OSError as error:
        return f"{where}: {error.strerror}"
