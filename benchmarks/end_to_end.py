"""`moodreel run` against the sum of its parts measured alone: one long 1080p video, and photos by the thousand.

    python -m benchmarks.end_to_end [--quick]

The parts: decoding what the plan needs, detecting, scoring in batches of 16; each alone, on one thread, with nothing
else in the process. The run: all CPU seconds from start to end, of the program and its children, start-up included.
Then two children against two runs of one child each on half of the photos: the wall time that sharing costs. Exits with
1 where a target is missed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from benchmarks import report
from benchmarks.clips import Recipe, encode, repeat
from benchmarks.programs import begin, run
from benchmarks.snapshots import write_photos
from tests.clips import identity
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.detection.crop import SIDE
from workers.detection.yunet import YuNet
from workers.heap import keep_freed_pages
from workers.messages import ProbeWork, SegmentWork
from workers.scoring.ferplus import FerPlus
from workers.video.picture import Picture
from workers.video.probe import probe
from workers.video.source import open_source

MOST_VIDEO, MOST_PHOTOS, LEAST_SHARING = 1.25, 1.3, 0.95
PHOTO_SIZE = (2400, 1800)
SCORE_BATCH = 16
LOOKED_AT = 24
"""Frames and faces on which detection and scoring are measured alone."""
ROUNDS = 3


@dataclass(frozen=True)
class Compared:
    """CPU seconds of a run, and of its parts alone."""

    what: str
    frames: int
    faces: int
    run_s: float
    stages_s: dict[str, float]
    """What the run itself says of its stages."""
    alone_s: dict[str, float]

    @property
    def times(self) -> float:
        """The run in sums of its parts."""
        return self.run_s / sum(self.alone_s.values())


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a video of 2 minutes and 400 photos")
    video_s, photos = (120, 400) if parser.parse_args().quick else (1200, 2000)
    cv2.setNumThreads(1)
    keep_freed_pages()  # as a child does
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as name:
        folder = Path(name)
        opening = encode(Recipe("h264", "libx264", size=(1920, 1080)), folder)
        film = _compared(f"1080p, {video_s} s, every second", [repeat(opening, video_s, folder / "film.mp4")], folder)
        pictures = write_photos(folder / "photos", photos, PHOTO_SIZE)
        stills = _compared(f"{photos} photos of {PHOTO_SIZE[0]}x{PHOTO_SIZE[1]}", pictures, folder)
        shared = statistics.median(_sharing(pictures, folder))
    verdicts = {
        f"{film.what}: {film.times:.2f} times its parts, {MOST_VIDEO} at most": film.times <= MOST_VIDEO,
        f"{stills.what}: {stills.times:.2f} times their parts, {MOST_PHOTOS} at most": stills.times <= MOST_PHOTOS,
        f"two children do {shared:.1%} of what two runs do, {LEAST_SHARING:.0%} at least": shared >= LEAST_SHARING,
    }
    _print([film, stills])
    report.show(verdicts)
    passed = all(verdicts.values())
    figures = {"compared": [asdict(one) | {"times": one.times} for one in (film, stills)], "sharing": shared}
    print(f"\nwritten to {report.write('end-to-end', figures, passed)}")
    return 0 if passed else 1


def _compared(what: str, paths: Sequence[Path], folder: Path) -> Compared:
    """The parts first and last, the run between: the lower of the two is what the parts take."""
    print(f"{what} ...", file=sys.stderr)
    target = paths[0] if len(paths) == 1 else paths[0].parent
    before = _alone(paths)
    ran = run([target], folder / what, "--workers", "1")
    counts = ran.summary["counts"]
    alone = {part: min(one, other) for (part, one), other in zip(before.items(), _alone(paths).values(), strict=True)}
    times = {"decode": 1, "detect": counts["frames"], "score": counts["faces"]}
    alone = {part: times[part] * spent for part, spent in alone.items()}
    return Compared(what, counts["frames"], counts["faces"], ran.cpu_s, ran.stages_s, alone)


def _alone(paths: Sequence[Path]) -> dict[str, float]:
    """CPU seconds: of decoding everything, of detecting in one frame, of scoring one face."""
    kept: list[Picture] = []
    began = time.process_time()
    for number, picture in enumerate(_pictures(paths)):
        if number < LOOKED_AT:
            kept.append(picture)
    decode_s = time.process_time() - began
    with YuNet(DetectorSpec(), "cpu") as detector:
        detect_s = _least(lambda: [detector.detect(one.pixels) for one in kept if one.pixels is not None]) / len(kept)
    faces = np.random.default_rng(1).integers(0, 256, (SCORE_BATCH, SIDE, SIDE), np.uint8)
    with FerPlus(ScorerSpec(), "cpu") as scorer:
        score_s = _least(lambda: scorer.score(faces)) / SCORE_BATCH
    return {"decode": decode_s, "detect": detect_s, "score": score_s}


def _pictures(paths: Sequence[Path]) -> Iterator[Picture]:
    """What is looked at of each file, decoded as a child decodes it."""
    analysis = AnalysisSpec(Sampling(interval_s=Fraction(1)), DetectorSpec(), ScorerSpec())
    for path in paths:
        plan = probe(ProbeWork(identity(path), analysis))
        assert plan.facts is not None
        for segment in plan.segments:
            with open_source(SegmentWork(identity(path), plan.facts, segment, analysis)) as source:
                yield from source


def _least(act: Callable[[], object]) -> float:
    """CPU seconds of the fastest of five, after one to warm up."""
    act()
    spent = []
    for _ in range(5):
        began = time.process_time()
        act()
        spent.append(time.process_time() - began)
    return min(spent)


def _sharing(photos: Sequence[Path], folder: Path) -> Iterator[float]:
    """What two children of one run do in a time, in what two runs of one child each do, round by round."""
    halves = [folder / "left", folder / "right"]
    for place, half in enumerate(halves):
        half.mkdir()
        for path in photos[place::2]:
            (half / path.name).hardlink_to(path)
    for turn in range(ROUNDS):
        print(f"sharing, round {turn + 1} of {ROUNDS} ...", file=sys.stderr)
        together = run([photos[0].parent], folder / f"together-{turn}", "--workers", "2").wall_s
        apart = [begin([half], folder / f"{half.name}-{turn}", "--workers", "1") for half in halves]
        yield max(one.ended().wall_s for one in apart) / together


def _print(compared: Sequence[Compared]) -> None:
    for one in compared:
        print(f"\n{one.what}: {one.frames} frames, {one.faces} faces; CPU ms a frame")
        told = {
            "parts alone": one.alone_s,
            "stages of the run": one.stages_s,
            "whole run": {"everything": one.run_s},
        }
        for name, seconds in told.items():
            parts = "  ".join(f"{part} {1000 * spent / one.frames:.2f}" for part, spent in seconds.items())
            print(f"  {name:<18} {1000 * sum(seconds.values()) / one.frames:7.2f}   {parts}")


if __name__ == "__main__":
    sys.exit(main())
