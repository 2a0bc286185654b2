"""What is no file of the folder's own: links out of it, pipes, sockets, devices, loops, and files that grow."""

import os
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.acceptance.folders import write_clip, write_photo
from tests.hostile.case import Bait, Case, Expect, stock

DEVICES = ("/dev/zero", "/dev/random", "/dev/full", "/dev/stdin", "/proc/self/mem", "/proc/self/environ", "/proc/kcore")
OTHERS = ("/etc/passwd", "/proc/self/fd/0", "/sys/kernel/notes")


def cases(bait: Bait) -> Iterator[Case]:
    """Each with a name that claims to be media."""
    for place in (*DEVICES, *OTHERS):
        yield _case(f"to{place.replace('/', '-')}.mp4", partial(_link, place))
    yield _case("secret.mp4", partial(_link, bait.secret))
    yield _case("secret-relative.mp4", lambda path: path.symlink_to(os.path.relpath(bait.secret, path.parent)))
    yield _case("secret-twice.mp4", partial(_link, "secret.mp4"))
    yield _case("folder-of-secret", partial(_link, bait.secret.parent))
    yield _case("root.jpg", partial(_link, "/"))
    yield _case("loop.mp4", partial(_link, "loop.mp4"))
    yield _case("nowhere.mp4", partial(_link, "nowhere"))
    yield _case("too-long.mp4", partial(_link, "x" * 300))
    yield _case("inside.jpg", partial(_link, "../honest/photo-0.jpg"), Expect.HONEST)
    yield _case("pipe.mp4", os.mkfifo)
    yield _case("socket.mp4", _socket)
    yield _case("folder.mp4/inside.jpg", partial(_numbered, 3), Expect.HONEST)
    yield _case("/".join(["deep"] * 60) + "/down.jpg", partial(_numbered, 4), Expect.HONEST)
    yield _case("hole.mp4", partial(_hole, b""))
    yield _case("hole-behind-head.mp4", lambda path: _hole(stock()[".mp4"][:64], path))
    yield _case("empty.mp4", Path.touch)
    yield _case("closed.jpg", _closed, Expect.REFUSED if os.geteuid() else Expect.HONEST)  # root reads everything


def honest(photos: int, clips: int) -> Iterator[Case]:
    """What must be analysed to the last frame, whatever lies beside it."""
    for number in range(photos):
        yield Case(f"honest/photo-{number}.jpg".encode(), partial(_numbered, number), Expect.HONEST, 1)
    for number in range(clips):
        yield Case(f"honest/clip-{number}.mp4".encode(), partial(_clip, number), Expect.HONEST, 2)


def _case(name: str, write: object, expect: Expect = Expect.REFUSED) -> Case:
    assert callable(write)
    return Case(f"places/{name}".encode(), write, expect, int(expect is Expect.HONEST))


def _link(target: str | Path, path: Path) -> None:
    path.symlink_to(target)


def _numbered(number: int, path: Path) -> None:
    write_photo(path, number)


def _clip(number: int, path: Path) -> None:
    write_clip(path, number)


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")  # the path of a socket is bounded
    finally:
        os.close(folder)


def _hole(head: bytes, path: Path) -> None:
    """A terabyte of which next to nothing is there."""
    with path.open("wb") as stream:
        stream.write(head)
        stream.truncate(1 << 40)


def _closed(path: Path) -> None:
    write_photo(path, 1)
    path.chmod(0)
