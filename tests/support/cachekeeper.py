"""A process that uses a media cache, told by lines on stdin: what other processes do to a folder, for real.

    pin HASH        stage that content, which must lie there, and hold it
    half            begin a download, stop half-way through, and never end
    hold SIZE       stage twenty contents of that many bytes each, and hold them
    drop SIZE       the same, and hold none of them
Each is answered by a line. It ends when its stdin does.
"""

import hashlib
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from workers.cache import CacheBusy, CacheFault, MediaCache, Staged, Wanted


def _nothing() -> Iterator[bytes]:
    raise AssertionError("it should lie here")


def _half() -> Iterator[bytes]:
    yield b"half"
    print("half", flush=True)
    time.sleep(600)


def _fill(cache: MediaCache, size: int, hold: bool) -> str:
    for number in range(20):
        content = bytes([number, hold]) * (size // 2)
        try:
            staged = cache.stage(Wanted(b"x.jpg", size, partial(iter, (content,))))
        except (CacheFault, CacheBusy) as error:
            return f"{type(error).__name__} after {number}: {error}"
        if not isinstance(staged, Staged):
            return str(staged)
        if not hold:
            staged.release()
    return "staged 20"


def main() -> None:
    """The folder, the bound in bytes; then lines."""
    cache = MediaCache(Path(sys.argv[1]), int(sys.argv[2]))
    held = []
    print("ready", flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "pin":
            held.append(cache.stage(Wanted(b"x.jpg", 1, _nothing, rest[0])))
            print(type(held[-1]).__name__, flush=True)
        elif word == "half":
            cache.stage(Wanted(b"x.jpg", 8, _half, hashlib.sha256(b"half").hexdigest()))
        else:
            print(_fill(cache, int(rest[0]), word == "hold"), flush=True)


if __name__ == "__main__":
    main()
