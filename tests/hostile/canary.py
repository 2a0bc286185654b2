"""Servers on this machine that nobody may call: HTTP by TCP, and UDP. They keep what came."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

LOOK_EVERY_S = 0.1


@dataclass(slots=True)
class Canary:
    """Two ports, and all that was sent to them."""

    http_port: int
    udp_port: int
    heard: list[bytes] = field(default_factory=list)


Listen = Callable[[Canary, threading.Event], None]


@contextmanager
def canary() -> Iterator[Canary]:
    """Listen until the end."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as http, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        for one in (http, udp):
            one.settimeout(LOOK_EVERY_S)
        told = Canary(http.getsockname()[1], udp.getsockname()[1])
        threads = [threading.Thread(target=listen, args=(told, stop)) for listen in (_http(http), _udp(udp))]
        for thread in threads:
            thread.start()
        try:
            yield told
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def _http(server: socket.socket) -> Listen:
    def listen(told: Canary, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(1)
                try:
                    told.heard.append(b"http " + connection.recv(200))
                except OSError as error:
                    told.heard.append(f"http {error}".encode())

    return listen


def _udp(server: socket.socket) -> Listen:
    def listen(told: Canary, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                told.heard.append(b"udp " + server.recv(200))
            except TimeoutError:
                continue

    return listen
