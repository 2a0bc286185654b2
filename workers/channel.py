"""Length-prefixed messages over a socket pair: the one pipe between a parent and its child."""

import select
import socket
import struct
from types import TracebackType
from typing import Self

_HEADER = struct.Struct("!I")
MAX_MESSAGE_BYTES = 512 * 1024 * 1024
"""A minute at 60 frames/s with ten faces a frame is about 10 MB: a child that announces more than this lies."""


class ChannelClosed(Exception):
    """The other end is gone, or sent what no honest one sends."""


class Channel:
    """One end of the pipe. `send` blocks until the other end has taken the message; `receive` can time out."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close this end; the other end's `receive` raises ChannelClosed."""
        self._sock.close()

    def send(self, message: bytes) -> None:
        """Send one message. Raises ChannelClosed when the other end is gone."""
        try:
            self._sock.sendall(_HEADER.pack(len(message)) + message)
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """The next message, or None when none was complete within `timeout_s`. Raises ChannelClosed at the end."""
        message = self._take()
        while message is None:
            if not self._poll.poll(None if timeout_s is None else timeout_s * 1000):
                return None
            self._fill()
            message = self._take()
        return message

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
            raise ChannelClosed(f"a message of {size} bytes was announced")
        end = _HEADER.size + size
        if len(self._buffer) < end:
            return None
        message = bytes(self._buffer[_HEADER.size : end])
        del self._buffer[:end]
        return message
