"""The decode plan against the other ways to the same frames: CPU time for each sampled frame, as BGR.

    python -m benchmarks.decode [--quick]

Every contestant is given one thread and converts just the frames it was asked for, where its interface allows that.
`needed` is the floor: a bare decoder is fed the packets of the plan, from memory, and the frames are converted; what we
take beyond it is finding out which packets those are, and reading them. Contestants take turns, and the best of three
rounds counts; who decodes everything, or nearly, has one. Ours must be the frames of a full decode, bit for bit. Exits
with 1 where a target is missed.
"""

import argparse
import sys
import tempfile
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from benchmarks import report
from benchmarks.decoders import CONTESTANTS, Task, skips_b_frames
from benchmarks.openings import SHAPES, Shape, clip_of
from workers.heap import keep_freed_pages

QUICK = ("h264-b-gop24", "h264-gop12")
SECONDS = 20
INTERVALS_S = (Fraction(1, 5), Fraction(1), Fraction(5), Fraction(10))
ROUNDS = 3
ONCE = ("full", "cv2-read", "cv2-grab", "cv2-seek", "ffmpeg-fps")
"""They decode everything, or nearly, which takes long enough to be measured once."""
FLOOR = 1.10
SLACK_MS = 0.5
"""What opening a clip of this length may cost beyond the floor, spread over its sampled frames."""


@dataclass(frozen=True)
class Row:
    """One clip at one sampling."""

    clip: str
    interval_s: float
    frames: int
    cpu_ms: dict[str, float]
    """For each sampled frame, by contestant."""
    identical: bool


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two small clips: half a minute")
    quick = parser.parse_args().quick
    shapes = [shape for shape in SHAPES if not quick or (shape.name in QUICK and shape.height == 360)]
    keep_freed_pages()  # as a child does
    if "ffmpeg-fps" not in CONTESTANTS:
        print("there is no ffmpeg on the path: its `-vf fps` is left out")
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder:
        rows = [row for shape in shapes for row in _measured(shape, Path(folder))]
    verdicts = _judge(rows)
    report.show(verdicts, all_of_them=False)
    passed = all(verdicts.values())
    print(f"\nwritten to {report.write('decode', [asdict(row) for row in rows], passed)}")
    return 0 if passed else 1


def _measured(shape: Shape, folder: Path) -> list[Row]:
    path = clip_of(shape, SECONDS, folder)
    names = ", ".join(CONTESTANTS)
    print(f"\n{shape.title}, {SECONDS} s: CPU ms for each sampled frame ({names}); in brackets, times ours")
    rows = []
    for interval_s in INTERVALS_S:
        row = _row(Task.of(path, interval_s), shape, float(interval_s))
        rows.append(row)
        ours = row.cpu_ms["ours"]
        told = "  ".join(f"{name} {ms:.2f} ({ms / ours:.1f}x)" for name, ms in row.cpu_ms.items())
        print(f"  every {row.interval_s:g} s: {told}{'' if row.identical else '  NOT IDENTICAL'}", flush=True)
    path.unlink()
    return rows


def _row(task: Task, shape: Shape, interval_s: float) -> Row:
    task.prepare()
    best: dict[str, float] = {}
    pictures = {}
    for turn in range(ROUNDS):
        for name, contestant in CONTESTANTS.items():
            if turn and name in ONCE:
                continue
            seen, cpu_s = task.timed(contestant)
            pictures[name] = seen
            best[name] = min(cpu_s, best.get(name, cpu_s))
    cpu_ms = {name: 1000 * cpu_s / len(task.wanted) for name, cpu_s in best.items()}
    return Row(shape.title, interval_s, len(task.wanted), cpu_ms, pictures["ours"] == pictures["full"])


def _judge(rows: list[Row]) -> dict[str, bool]:
    """The targets, in words, and whether each was met."""
    shapes = {shape.title: shape for shape in SHAPES}
    verdicts = {}
    for row in rows:
        shape, ms = shapes[row.clip], row.cpu_ms
        where = f"{row.clip} every {row.interval_s:g} s"
        verdicts[f"{where}: the frames of a full decode"] = row.identical
        spread_ms = SLACK_MS * SECONDS / row.frames
        verdicts[f"{where}: {ms['ours'] / ms['needed']:.2f} times what is needed, {FLOOR} at most"] = (
            ms["ours"] <= FLOOR * ms["needed"] + spread_ms
        )
        least = _least(shape, row.interval_s)
        if least is not None:
            gain = ms["full"] / ms["ours"]
            verdicts[f"{where}: {gain:.2f} times less than a full decode, {least} at least"] = gain >= least
    return verdicts


def _least(shape: Shape, interval_s: float) -> float | None:
    """How much less than a full decode H.264 with B-frames must take."""
    if not skips_b_frames(shape):
        return None
    if interval_s == 1:
        return 2.0 if shape.gop_s <= 1 else 1.4
    return 4.0 if interval_s == 5 and shape.gop_s <= 2 else None


if __name__ == "__main__":
    sys.exit(main())
