"""A child that does what the name of each file to probe says, through the same door as the real one."""

import ctypes
import json
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.support.bare_children import READY, STARTED, framed
from workers.child import Orders, attempt, enlisted
from workers.errors import MediaError
from workers.limits import apply_to_this_process
from workers.messages import BatchDone, Probed, ProbeResult, Ready, Reply, Started, decode_request, encode


def scripted(argument: str) -> None:
    """Answer each item by doing what its file's name says: `verb` or `verb:operand`."""
    _serve(Orders.of(argument), bounded=True)


def unbounded(argument: str) -> None:
    """The same without a limit of its own on memory: what is left is its parent's watch."""
    _serve(Orders.of(argument), bounded=False)


def killed_twice_while_starting(argument: str) -> None:
    """Is killed the first two times; the folder that counts is the child's device."""
    for number in range(2):
        marker = Path(Orders.of(argument).device) / f"killed-{number}"
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    scripted(argument)


def _serve(orders: Orders, bounded: bool) -> None:
    with enlisted(orders) as channel:
        if bounded:
            apply_to_this_process(orders.limits)

        def send(reply: Reply) -> None:
            channel.send(encode(reply))

        send(Ready())
        while (raw := channel.receive()) is not None:
            for index, item in enumerate(decode_request(raw).items):
                verb, _, operand = os.fsdecode(item.source.path).partition(":")
                if verb in RAW:
                    send(Started(index))
                    RAW[verb](orders.socket)
                attempt(index, partial(_do, index, verb, operand), send)
                if verb == "ok-then-exit":
                    os._exit(5)
            send(BatchDone())


def _do(index: int, verb: str, operand: str) -> Probed:
    told = VERBS[verb](operand)
    if told is not None:
        raise MediaError("told", told, "")
    return Probed(index, ProbeResult(None))


def _exit(operand: str) -> None:
    os._exit(int(operand))


def _segv(_operand: str) -> None:
    ctypes.string_at(0)


def _hang(library: ctypes.CDLL) -> None:
    """A call into C that never returns: the second lock of a mutex that is not recursive."""
    mutex = ctypes.create_string_buffer(128)
    while True:
        library.pthread_mutex_lock(mutex)


def _hang_in_c(operand: str) -> None:
    _mark(operand)
    _hang(ctypes.CDLL(None))


def _hang_in_c_with_the_lock(operand: str) -> None:
    _mark(operand)
    _hang(ctypes.PyDLL(None))


def _mark(operand: str) -> None:
    """Leave an empty file, where one is asked for, to say that the item is in hand."""
    if operand:
        Path(operand).touch()


def _hang_in_python(operand: str) -> None:
    _mark(operand)
    while True:
        time.sleep(0.01)


def _stop_itself(_operand: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _ask_for_everything(_operand: str) -> None:
    bytearray(1 << 40)


def _grow(operand: str) -> None:
    """Hold `operand` megabytes, touched, and stay."""
    held = [b"x" * (1 << 20) for _ in range(int(operand))]
    time.sleep(600)
    del held


def _keep(operand: str) -> None:
    _kept.append(b"x" * (int(operand) << 20))


_kept: list[bytes] = []


def _write_file(operand: str) -> None:
    with Path(operand).open("wb") as stream:
        stream.write(b"x")


def _open_many(_operand: str) -> None:
    held = []
    for _ in range(1000):
        held.append(Path(os.devnull).open("rb"))  # noqa: SIM115  that none is closed is the point


def _flood_stderr(operand: str) -> None:
    """`operand` megabytes without a line's end, then a crash."""
    for _ in range(int(operand)):
        os.write(2, b"\x1b[31m" + b"y" * (1 << 20))
    os.write(2, b"\nlast words\x07")
    os._exit(9)


def _raise(_operand: str) -> None:
    raise RuntimeError("a name like \udcff")


def _pid(_operand: str) -> str:
    return str(os.getpid())


def _environment(_operand: str) -> str:
    return json.dumps(dict(os.environ))


def _descriptors(_operand: str) -> str:
    folder = "/proc/self/fd"
    links = []
    for name in os.listdir(folder):  # noqa: PTH208
        try:
            links.append(os.readlink(f"{folder}/{name}"))  # noqa: PTH115
        except OSError:
            continue  # the listing's own
    return json.dumps(links)


def _meet(operand: str) -> None:
    """Wait until `count:folder` holds so many children."""
    count, _, folder = operand.partition(":")
    (Path(folder) / str(os.getpid())).touch()
    while len(list(Path(folder).iterdir())) < int(count):
        time.sleep(0.005)


def _wait_for(operand: str) -> None:
    """Say that it began, and wait for leave to end."""
    folder = Path(operand)
    (folder / "begun").touch()
    while not (folder / "leave").exists():
        time.sleep(0.005)


VERBS: dict[str, Callable[[str], str | None]] = {
    "ok": lambda _operand: None,
    "ok-then-exit": lambda _operand: None,
    "exit": _exit,
    "segv": _segv,
    "hang-in-c": _hang_in_c,
    "hang-in-c-with-the-lock": _hang_in_c_with_the_lock,
    "hang-in-python": _hang_in_python,
    "stop-itself": _stop_itself,
    "ask-for-everything": _ask_for_everything,
    "grow": _grow,
    "keep": _keep,
    "write-file": _write_file,
    "open-many": _open_many,
    "flood-stderr": _flood_stderr,
    "raise": _raise,
    "pid": _pid,
    "environment": _environment,
    "descriptors": _descriptors,
    "meet": _meet,
    "wait-for": _wait_for,
}


def _send(message: bytes) -> Callable[[int], None]:
    def send(pipe: int) -> None:
        os.write(pipe, message)
        time.sleep(600)

    return send


def _flood_progress(pipe: int) -> None:
    message = framed(b"\x83\xa4type\xa8Progress\xa5index\x00\xa6frames\x01") * 1000
    while True:
        os.write(pipe, message)


def _close_socket(pipe: int) -> None:
    os.close(pipe)
    time.sleep(600)


RAW: dict[str, Callable[[int], None]] = {
    "garbage": _send(framed(b"\xc1\xff not msgpack")),
    "empty": _send(framed(b"")),
    "announce-4-gb": _send(b"\xff\xff\xff\xff"),
    "ready-again": _send(framed(READY)),
    "started-again": _send(framed(STARTED)),
    "done-early": _send(framed(b"\x81\xa4type\xa9BatchDone")),
    "started-far-away": _send(framed(b"\x82\xa4type\xa7Started\xa5index\xcd\xff\xff")),
    "answer-of-another-kind": _send(framed(b"\x83\xa4type\xa8Analysed\xa5index\x00\xa6result\x81\xa6frames\x90")),
    "flood-progress": _flood_progress,
    "close-socket": _close_socket,
}
