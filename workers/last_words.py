"""The end of what a child wrote to stderr: C libraries and the interpreter explain a crash there."""

import os

KEPT_BYTES = 16_384
DRAINED_AT_ONCE = 1 << 20
LINE_CHARS = 300


class LastWords:
    """Keeps the tail of a pipe that never blocks. A child that floods it is slowed down and fills nobody's memory."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._tail = b""

    def drain(self) -> None:
        """Take what is there, a megabyte at most."""
        taken = 0
        while taken < DRAINED_AT_ONCE and (data := read_available(self._descriptor)):
            taken += len(data)
            self._tail = (self._tail + data)[-KEPT_BYTES:]

    def text(self) -> str:
        """All lines kept, fit for a terminal."""
        self.drain()
        lines = self._tail.decode("utf-8", "replace").splitlines()
        return "\n".join(_printable(line) for line in lines if line.strip())

    def line(self) -> str:
        """The one line that says most: the interpreter's own on a fatal error, else the last."""
        lines = self.text().splitlines()
        fatal = [line for line in lines if line.startswith("Fatal Python error")]
        return (fatal or lines or [""])[-1]


def read_available(descriptor: int) -> bytes:
    """What can be read from a pipe that never blocks; nothing at its end or while it is empty."""
    try:
        return os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return b""


def _printable(line: str) -> str:
    """A hostile file can make a library print anything: no control character may reach a terminal or a database."""
    return "".join(char if char.isprintable() else "?" for char in line[:LINE_CHARS])
