"""A child as confined as any, which tries what the name of each item says, and tells how that went."""

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from workers.child import Orders, attempt, enlisted
from workers.confinement.confine import confine
from workers.errors import MediaError
from workers.limits import apply_to_this_process
from workers.messages import BatchDone, Probed, Ready, Reply, decode_request, encode

Act = Callable[[str], object]


def main(argument: str) -> None:
    """Serve until the parent is gone. A thread from before the confinement tries what begins with `thread-`."""
    orders = Orders.of(argument)
    with enlisted(orders) as channel, _Older() as older:
        apply_to_this_process(orders.limits)
        channel.send(encode(Ready(confine(gpu=False))))

        def send(reply: Reply) -> None:
            channel.send(encode(reply))

        while (raw := channel.receive()) is not None:
            for index, item in enumerate(decode_request(raw).items):
                attempt(index, partial(_tell, os.fsdecode(item.source.path), older), send)
            send(BatchDone())


def _tell(name: str, older: "_Older") -> Probed:
    verb, _, operand = name.partition(":")
    act = ACTS[verb.removeprefix("thread-")]
    raise MediaError("told", older.told(act, operand) if verb.startswith("thread-") else told(act, operand), "")


def told(act: Act, operand: str) -> str:
    """`done`, or why not."""
    try:
        act(operand)
    except OSError as error:
        return type(error).__name__
    return "done"


class _Older:
    """A thread that was there first."""

    def __enter__(self) -> "_Older":
        self._asked, self._answered = threading.Semaphore(0), threading.Semaphore(0)
        self._job: tuple[Act, str] = (str, "")
        threading.Thread(target=self._work, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        return

    def told(self, act: Act, operand: str) -> str:
        """What `told` says in the thread."""
        self._job = (act, operand)
        self._asked.release()
        self._answered.acquire()
        return self._said

    def _work(self) -> None:
        while True:
            self._asked.acquire()
            self._said = told(*self._job)
            self._answered.release()


def _connect(port: str) -> None:
    socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()


def _datagram(port: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"secret", ("127.0.0.1", int(port)))


def _local(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(path)


def _rings(_operand: str) -> None:
    if ctypes.CDLL(None, use_errno=True).syscall(425, 4, ctypes.create_string_buffer(120)) < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")


def _program(_operand: str) -> None:
    subprocess.run(["/bin/true"], check=True)


ACTS: dict[str, Act] = {
    "connect": _connect,
    "datagram": _datagram,
    "local": _local,
    "rings": _rings,
    "program": _program,
    "read": lambda path: Path(path).read_bytes(),
    "write": lambda path: Path(path).write_bytes(b""),
    "append": lambda path: os.close(os.open(path, os.O_RDWR)),
    "cut": lambda path: os.truncate(path, 0),
    "remove": lambda path: Path(path).unlink(),
    "rename": lambda path: Path(path).rename(path + ".moved"),
    "folder": lambda path: Path(path).mkdir(),
    "link": lambda path: Path(path + ".link").symlink_to(path),
    "rights": lambda path: Path(path).chmod(0o777),
    "age": lambda path: os.utime(path, (0, 0)),
    "environment": lambda pid: Path(f"/proc/{pid}/environ").read_bytes(),
    "signal": lambda pid: os.kill(int(pid), 0),
    "signal-itself": lambda _operand: os.kill(os.getpid(), 0),
    "begin-a-thread": lambda _operand: threading.Thread(target=int).start(),
}
