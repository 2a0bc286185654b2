"""What `--fast-decode` saves, and how far it moves boxes and scores.

    python -m benchmarks.drift [--quick] [--every DURATION] [VIDEO ...]

The whole program over each video, exactly and fast by turns, the better of two rounds: CPU seconds of decoding and of
the whole run. Faces of the two are matched frame by frame by their boxes (`lost`: fast has none there; `new`: only it
has); then how well the boxes agree, how far the probability moves that moves most (mean, and 95th percentile), and how
often the dominant emotion stays. Without videos, some are drawn by codec and group of pictures: 60 s, a face in each
frame. Nothing is judged: it is for you to say how much is too much.
"""

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.openings import SHAPES, clip_of
from benchmarks.portraits import Box, couples, iou
from benchmarks.programs import Ran, run
from db.emotions import EMOTIONS

DRAWN = ("h264-b-gop48", "h264-b-gop250", "hevc-gop48")
SECONDS = 60
ROUNDS = 2
FAST = "--fast-decode"


@dataclass(frozen=True, slots=True)
class Face:
    """A face as the database has it."""

    box: Box
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One video, both ways."""

    video: str
    frames: int
    faces: int
    lost: int
    new: int
    iou_mean: float
    iou_least: float
    moved_mean: float
    moved_p95: float
    dominant_stays: float
    decode_s: tuple[float, float]
    """CPU seconds: exactly, fast."""
    whole_s: tuple[float, float]


def main() -> int:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO")
    parser.add_argument("--every", default="1s", metavar="DURATION", help="as of `moodreel run` (default: 1s)")
    parser.add_argument("--quick", action="store_true", help="of those that are drawn, the small ones only")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as name:
        for title, video in _videos(asked.videos, quick=asked.quick, folder=Path(name)):
            rows.append(_compared(title, video, asked.every, Path(name)))
            _print(rows[-1])
    print(f"\nwritten to {report.write('drift', [asdict(row) for row in rows], passed=True)}")
    return 0


def _videos(given: Sequence[Path], *, quick: bool, folder: Path) -> Iterator[tuple[str, Path]]:
    if given:
        yield from ((path.name, path) for path in given)
        return
    for shape in SHAPES:
        if shape.name in DRAWN and shape.height <= (360 if quick else 1080):
            path = clip_of(shape, SECONDS, folder)
            yield shape.title, path
            path.unlink()


def _compared(title: str, video: Path, every: str, folder: Path) -> Row:
    runs: dict[bool, list[Ran]] = {False: [], True: []}
    for turn in range(ROUNDS):
        for fast, done in runs.items():
            options = ("--workers", "1", "--every", every, *([FAST] if fast else []))
            done.append(run([video], folder / f"{title}-{turn}-{fast}", *options))
    exact, fast = (_faces(folder / f"{title}-0-{way}") for way in (False, True))
    pairs = [pair for pts, faces in exact.items() for pair in _pairs(faces, fast.get(pts, []))]
    moved = [float(np.abs(one.scores - other.scores).max()) for one, other in pairs]
    overlaps = [iou(one.box, other.box) for one, other in pairs]
    stays = [one.scores.argmax() == other.scores.argmax() for one, other in pairs]
    counts = [sum(map(len, faces.values())) for faces in (exact, fast)]
    return Row(
        video=title,
        frames=int(runs[False][0].summary["counts"]["frames"]),
        faces=counts[0],
        lost=counts[0] - len(pairs),
        new=counts[1] - len(pairs),
        iou_mean=float(np.mean(overlaps or [1.0])),
        iou_least=min(overlaps, default=1.0),
        moved_mean=float(np.mean(moved or [0.0])),
        moved_p95=float(np.percentile(moved or [0.0], 95)),
        dominant_stays=float(np.mean(stays or [1.0])),
        decode_s=_least([[ran.stages_s["decode"] for ran in done] for done in runs.values()]),
        whole_s=_least([[ran.cpu_s for ran in done] for done in runs.values()]),
    )


def _least(of_both: Sequence[Sequence[float]]) -> tuple[float, float]:
    exact, fast = map(min, of_both)
    return exact, fast


def _faces(folder: Path) -> Mapping[int, list[Face]]:
    """The scored faces of a run, by the frame's time."""
    asked = f"SELECT pts, box_x, box_y, box_width, box_height, {', '.join(EMOTIONS)} FROM face"  # noqa: S608  our names
    faces: dict[int, list[Face]] = {}
    with closing(sqlite3.connect(folder / "moodreel.db")) as database:
        for pts, *numbers in database.execute(asked):
            x, y, width, height = numbers[:4]
            faces.setdefault(pts, []).append(Face((x, y, width, height), np.array(numbers[4:], np.float64)))
    return faces


def _pairs(exact: Sequence[Face], fast: Sequence[Face]) -> Iterator[tuple[Face, Face]]:
    """Faces of one frame that are the same."""
    found = couples([face.box for face in exact], [face.box for face in fast])
    yield from ((exact[place], fast[at]) for place, at in found.items())


def _print(row: Row) -> None:
    saved = [1 - fast / exact for exact, fast in (row.decode_s, row.whole_s)]
    print(f"{row.video}: {row.frames} frames, {row.faces} faces; {row.lost} lost, {row.new} new")
    print(f"  CPU saved: {saved[0]:.0%} of decoding, {saved[1]:.0%} of the whole run")
    print(
        f"  boxes overlap by {row.iou_mean:.3f} (least {row.iou_least:.3f}); the probability that moves most moves by "
        f"{row.moved_mean:.3f} (95 %: {row.moved_p95:.3f}); {row.dominant_stays:.1%} keep their dominant emotion",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
