"""Children that import nothing of ours, so that hundreds can be started in a test. Each misbehaves in one way."""

import json
import os
import socket
import struct
import time

READY = b"\x81\xa4type\xa5Ready"
STARTED = b"\x82\xa4type\xa7Started\xa5index\x00"
"""Messages as msgpack has them."""


def framed(message: bytes) -> bytes:
    """A message as it goes over the pipe."""
    return struct.pack("!I", len(message)) + message


def _socket(argument: str) -> socket.socket:
    return socket.socket(fileno=json.loads(argument)["socket"])


def dies_over_everything(argument: str) -> None:
    """Takes up the first item of each request and is gone."""
    with _socket(argument) as pipe:
        pipe.sendall(framed(READY))
        pipe.recv(1 << 16)
        pipe.sendall(framed(STARTED))
        os._exit(7)


def dies_before_beginning(argument: str) -> None:
    """Takes a request and is gone before it takes up an item."""
    with _socket(argument) as pipe:
        pipe.sendall(framed(READY))
        pipe.recv(1)
        os._exit(7)


def deaf(argument: str) -> None:
    """Says it is ready, and never reads a byte."""
    with _socket(argument) as pipe:
        pipe.sendall(framed(READY))
        time.sleep(600)


def dribbles(argument: str) -> None:
    """Announces a megabyte and sends a byte now and then."""
    with _socket(argument) as pipe:
        pipe.sendall(framed(READY))
        pipe.recv(1)
        pipe.sendall(struct.pack("!I", 1 << 20))
        while True:
            pipe.sendall(b"x")
            time.sleep(0.02)


def cannot_start(_argument: str) -> None:
    """A library is missing."""
    raise ImportError("libGL.so.1: cannot open shared object file")


def never_ready(_argument: str) -> None:
    """Hangs while it loads its libraries."""
    time.sleep(600)
