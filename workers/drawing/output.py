"""A file that a child makes and must not write: its bytes are handed over with the place where each belongs."""

import io
from collections.abc import Callable

Write = Callable[[int, bytes], None]
"""Takes bytes, and where in the file they begin."""
Report = Callable[[int], None]
"""Hears how many pictures are done."""
HAND_OVER_BYTES = 1 << 20


class Handed:
    """A file object to write to and to seek in; nothing of it can be read. `flush` it at the end."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._at = 0
        self._end = 0
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        """Write at the place where it stands."""
        self._held += data
        if len(self._held) >= HAND_OVER_BYTES:
            self.flush()
        self._end = max(self._end, self.tell())
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._end}[whence]
        self.flush()
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Where it stands."""
        return self._at + len(self._held)

    def flush(self) -> None:
        """Hand over what is held."""
        if self._held:
            data, self._held = bytes(self._held), bytearray()
            self._write(self._at, data)
            self._at += len(data)


def hand_over(data: bytes, write: Write) -> None:
    """A whole file at once."""
    file = Handed(write)
    for at in range(0, len(data), HAND_OVER_BYTES):
        file.write(data[at : at + HAND_OVER_BYTES])
    file.flush()
