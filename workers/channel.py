"""Length-prefixed messages over a socket pair: the one pipe between a parent and its child."""

import select
import socket
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

_HEADER = struct.Struct("!I")
MAX_MESSAGE_BYTES = 256 * 1024 * 1024
"""A minute at 60 frames/s with ten faces a frame is about 15 MB: what announces more than this lies."""
LOOK_UP_EVERY_S = 0.1
"""How often `send` tells its caller that it still waits."""


class ChannelClosed(Exception):
    """The other end is gone."""


class MessageTooLarge(Exception):
    """A message above `MAX_MESSAGE_BYTES`: refused before it is sent, and before any of it is taken in."""


class Channel:
    """One end of the pipe. Nothing here waits for the other end without a way out."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._readable = _poll(sock, select.POLLIN)
        self._writable = _poll(sock, select.POLLOUT)
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close this end; the other end's `receive` raises ChannelClosed."""
        self._sock.close()

    def send(self, message: bytes, waiting: Callable[[], None] | None = None) -> None:
        """Send one message. While the other end takes nothing, `waiting` is called again and again, and may raise.

        Raises ChannelClosed when the other end is gone, MessageTooLarge with nothing sent.
        """
        if len(message) > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(f"a message of {len(message)} bytes")
        # Two pieces, so that a large message is not copied for the sake of four bytes.
        for piece in (_HEADER.pack(len(message)), message):
            left = memoryview(piece)
            while left:
                left = left[self._send_some(left) :]
                if left and not self._writable.poll(LOOK_UP_EVERY_S * 1000) and waiting is not None:
                    waiting()

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """The next message, or None when none was complete within `timeout_s`; a part that came is kept.

        Raises ChannelClosed at the end, MessageTooLarge at the announcement of one.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        message = self._take()
        while message is None:
            left_ms = None if until is None else max(0.0, until - time.monotonic()) * 1000
            if not self._readable.poll(left_ms):
                return None
            self._fill()
            message = self._take()
            if message is None and until is not None and time.monotonic() >= until:
                return None
        return message

    def _send_some(self, left: memoryview) -> int:
        try:
            return self._sock.send(left, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def _fill(self) -> None:
        try:
            data = self._sock.recv(1 << 20)
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        if not data:
            raise ChannelClosed("end of stream")
        self._buffer += data

    def _take(self) -> bytes | None:
        if len(self._buffer) < _HEADER.size:
            return None
        (size,) = _HEADER.unpack_from(self._buffer)
        if size > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(f"a message of {size} bytes was announced")
        end = _HEADER.size + size
        if len(self._buffer) < end:
            return None
        message = bytes(memoryview(self._buffer)[_HEADER.size : end])
        del self._buffer[:end]
        return message


def _poll(sock: socket.socket, event: int) -> select.poll:
    poll = select.poll()
    poll.register(sock, event)
    return poll
