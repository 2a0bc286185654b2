"""Peak memory of a child on 4K video, and that it does not grow with a video's length.

    python -m benchmarks.memory [--quick]

Exits with 1 when a target is missed. `--quick` compares 10 s with 60 s instead of 30 s with 10 minutes.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from benchmarks import report
from benchmarks.clips import Recipe, encode, repeat
from db.records import FileIdentity, Frame
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.detection import catalogue as detectors
from workers.limits import ChildLimits
from workers.messages import AnalyseBatch, Analysed, ProbeBatch, Probed, ProbeWork, Reply, SegmentWork
from workers.process import ChildProcess
from workers.scoring import catalogue as scorers

Answer = TypeVar("Answer", Probed, Analysed)

MOST_MB = 700
MOST_GROWTH = 1.10
H264 = Recipe("h264", "libx264")
HEVC = Recipe("hevc", "libx265")
HEVC_10 = Recipe("hevc-10-bit", "libx265", "yuv420p10le")


@dataclass(frozen=True)
class Measured:
    """One clip through one fresh child."""

    clip: str
    video_s: float
    file_mb: float
    segments: int
    frames: int
    faces: int
    wall_s: float
    idle_mb: float
    peak_mb: float
    """VmHWM: the most that was ever resident, libraries and models included."""


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter videos, for a smoke test")
    lengths_s = (10, 60) if parser.parse_args().quick else (30, 600)
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder:
        measured = list(_measure_all(Path(folder), *lengths_s))
    verdicts = _judge(measured)
    _print(measured, verdicts)
    figures = {"measured": [asdict(one) for one in measured], "verdicts": verdicts}
    passed = all(verdicts.values())
    print(f"\nwritten to {report.write('memory', figures, passed)}")
    return 0 if passed else 1


def _measure_all(folder: Path, short_s: int, long_s: int) -> Iterator[Measured]:
    """Each codec for the short time, then the first for the long one: the lengths compare the same pictures."""
    for recipe in (H264, HEVC, HEVC_10):
        print(f"encoding {recipe.name} {recipe.size[0]}x{recipe.size[1]} ...", file=sys.stderr)
        opening = encode(recipe, folder)
        for seconds in (short_s, long_s) if recipe is H264 else (short_s,):
            clip = repeat(opening, seconds, folder / "clip.mp4")
            yield measure(clip, f"{recipe.name} {seconds} s")
            clip.unlink()


def measure(clip: Path, name: str) -> Measured:
    """Probe and analyse a clip, every second, in a fresh child as `moodreel run` starts it."""
    sampling = Sampling(interval_s=Fraction(1))
    analysis = AnalysisSpec(sampling, detectors.resolve(DetectorSpec()), scorers.resolve(ScorerSpec()))
    status = clip.stat()
    source = FileIdentity(bytes(clip), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    started = time.monotonic()
    with ChildProcess(ChildLimits(), "cpu") as child:
        child.wait_ready()
        idle_mb = _high_water_mb(child.pid)
        plan = _last(child.ask(ProbeBatch((ProbeWork(source, analysis),))), Probed).result
        assert plan.facts is not None
        found: list[Frame] = []
        for segment in plan.segments:
            work = SegmentWork(source, plan.facts, segment, analysis)
            found += _last(child.ask(AnalyseBatch((work,))), Analysed).result.frames
        peak_mb = _high_water_mb(child.pid)
    return Measured(
        clip=name,
        video_s=round(plan.facts.duration_s, 3),
        file_mb=round(status.st_size / 1e6, 1),
        segments=len(plan.segments),
        frames=len(found),
        faces=sum(len(frame.faces) for frame in found),
        wall_s=round(time.monotonic() - started, 2),
        idle_mb=round(idle_mb, 1),
        peak_mb=round(peak_mb, 1),
    )


def _last(replies: Iterator[Reply], kind: type[Answer]) -> Answer:
    answer = list(replies)[-1]
    assert isinstance(answer, kind), answer
    return answer


def _high_water_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell the peak of a process (Linux does)")


def _judge(measured: list[Measured]) -> dict[str, bool]:
    """The targets, in words, and whether each was met."""
    short, long = (one.peak_mb for one in measured if one.clip.startswith(f"{H264.name} "))
    verdicts = {f"{one.clip}: under {MOST_MB} MB": one.peak_mb < MOST_MB for one in measured}
    growth = f"{long / short:.3f} times the memory for the long video, {MOST_GROWTH} at most"
    return verdicts | {growth: long / short <= MOST_GROWTH, "every frame and face was found": _is_whole(measured)}


def _is_whole(measured: list[Measured]) -> bool:
    return all(one.frames == round(one.video_s) and one.faces >= one.frames for one in measured)


def _print(measured: list[Measured], verdicts: dict[str, bool]) -> None:
    print(f"{'clip':<18}{'video s':>9}{'file MB':>9}{'segments':>10}{'frames':>8}{'faces':>7}{'wall s':>8}", end="")
    print(f"{'idle MB':>9}{'peak MB':>9}")
    for one in measured:
        print(f"{one.clip:<18}{one.video_s:>9.1f}{one.file_mb:>9.1f}{one.segments:>10}{one.frames:>8}", end="")
        print(f"{one.faces:>7}{one.wall_s:>8.1f}{one.idle_mb:>9.1f}{one.peak_mb:>9.1f}")
    report.show(verdicts)


if __name__ == "__main__":
    sys.exit(main())
