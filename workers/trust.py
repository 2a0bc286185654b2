"""Files whose content was proven: remembered for as long as they stay the same to the system."""

from collections import OrderedDict
from threading import Lock

from db.records import FileIdentity

REMEMBERED = 100_000


class Trusted:
    """Identities with the hash that was found; any thread may ask. The oldest are forgotten first."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[tuple[FileIdentity, str], None] = OrderedDict()
        self._lock = Lock()

    def holds(self, identity: FileIdentity, sha256: str) -> bool:
        """Whether this very file was found to hold that content."""
        with self._lock:
            return (identity, sha256) in self._known

    def add(self, identity: FileIdentity, sha256: str) -> None:
        """It was read, and holds that content."""
        with self._lock:
            self._known[identity, sha256] = None
            if len(self._known) > self._most:
                self._known.popitem(last=False)
