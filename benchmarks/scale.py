"""What a file and a frame cost as there are more of them, and how soon the first frame of a folder is stored.

    python -m benchmarks.scale [--quick]

Tiny photos by the thousand, and one small video of 1, 10 and 60 minutes: all CPU seconds of `moodreel run`, and what
each further file or frame adds. That must not grow. The first frame is waited for from the start of the program, over
folders of all sizes, models loaded and all. Exits with 1 where a target is missed.
"""

import argparse
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks import report
from benchmarks.clips import Recipe, encode, repeat
from benchmarks.programs import begin, run
from benchmarks.snapshots import write_photos

MOST_GROWTH = 1.25
MOST_FIRST_S = 2.0
TINY = (64, 48)
SMALL = Recipe("small", "libx264", size=(640, 360))
FIRST_OF = 3
"""Starts of which the fastest counts."""
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Point:
    """One run."""

    items: int
    cpu_s: float
    wall_s: float


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="at most 3,000 photos and 10 minutes")
    quick = parser.parse_args().quick
    counts = (10, 500, 3000) if quick else (10, 1000, 100_000)
    minutes = (1, 4, 10) if quick else (1, 10, 60)
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as name:
        folder = Path(name)
        folders = {count: _photos(folder, count) for count in counts}
        first_s = {count: min(_first_frame_s(path, folder) for _ in range(FIRST_OF)) for count, path in folders.items()}
        files = [_point(path, count, folder) for count, path in folders.items()]
        opening = encode(SMALL, folder)
        films = {length: repeat(opening, 60 * length, folder / f"{length}.mp4") for length in minutes}
        frames = [_point(path, 60 * length, folder) for length, path in films.items()]
    verdicts = {
        f"{count:,} files: the first frame after {took:.2f} s, {MOST_FIRST_S} at most": took <= MOST_FIRST_S
        for count, took in first_s.items()
    }
    verdicts |= _told("file", files) | _told("frame", frames)
    report.show(verdicts)
    passed = all(verdicts.values())
    figures = {"first_s": first_s, "files": [asdict(one) for one in files], "frames": [asdict(one) for one in frames]}
    print(f"\nwritten to {report.write('scale', figures, passed)}")
    return 0 if passed else 1


def _photos(folder: Path, count: int) -> Path:
    write_photos(folder / f"photos-{count}", count, TINY)
    return folder / f"photos-{count}"


def _point(target: Path, items: int, folder: Path) -> Point:
    print(f"{target.name} ...", file=sys.stderr)
    ran = run([target], folder / f"of-{target.name}", "--workers", "1")
    if ran.summary["counts"]["frames"] != items:
        raise RuntimeError(f"{ran.summary['counts']['frames']} frames of {items}")
    return Point(items, ran.cpu_s, ran.wall_s)


def _first_frame_s(target: Path, folder: Path) -> float:
    """Seconds from the start of the program until a frame is stored; then it is stopped."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        running = begin([target], Path(place))
        took = _stored_after_s(Path(place) / "moodreel.db", running.began)
        running.process.send_signal(signal.SIGINT)
        running.process.communicate(timeout=PATIENCE_S)
    return took


def _stored_after_s(database: Path, began: float) -> float:
    while time.monotonic() < began + PATIENCE_S:
        time.sleep(0.02)
        try:
            with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
                if connection.execute("SELECT 1 FROM frame LIMIT 1").fetchone():
                    return time.monotonic() - began
        except sqlite3.OperationalError:
            continue  # its file or its tables are not there yet
    raise RuntimeError(f"no frame was stored within {PATIENCE_S:g} s")


def _told(what: str, points: Sequence[Point]) -> dict[str, bool]:
    """What a further one costs between one size and the next."""
    further = [(after.cpu_s - before.cpu_s) / (after.items - before.items) for before, after in pairwise(points)]
    for (before, after), cost in zip(pairwise(points), further, strict=True):
        print(f"from {before.items:,} to {after.items:,}: {1000 * cost:.2f} CPU ms for each further {what}")
    growth = further[1] / further[0]
    return {
        f"a further {what} costs {growth:.2f} times as much among many, {MOST_GROWTH} at most": growth <= MOST_GROWTH
    }


if __name__ == "__main__":
    sys.exit(main())
