"""`moodreel` beside two programs of others, each in an environment of its own: `fer` and `deface`.

    python -m benchmarks.peers [--quick] [--environments DIR]

`fer`: a video of one face, H.264 with B-frames, one frame a second, from start to end: CPU seconds of the whole program
and all its children; ours once more with `--fast-decode`. `deface`: every frame of a video, its detector as it runs it,
nothing drawn or written, at the input size that ours looks at; then the recall of both over a film of photos whose
faces are known, ours as it comes and with faces of less than 32 pixels, which it leaves out by default. `whole` is the
long clip from start to end, `further` what one more frame costs; ours is the mean of a run before theirs and one after.
Environments are made once, by pip, and kept. Exits with 1 where a target is missed, with 2 where a peer cannot be
installed.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from platformdirs import user_cache_path

from benchmarks import report
from benchmarks.clips import FPS, Picture, Recipe, portrait, repeat, write
from benchmarks.portraits import Box, Found, composed, matched
from benchmarks.programs import Ran, as_installed, run

REQUIREMENTS = {"fer": ("fer==25.10.3",), "deface": ("deface==1.5.0", "onnx", "onnxruntime")}
SCRIPTS = Path(__file__).parent / "contenders"
SIZES = {"360p": (640, 360), "1080p": (1920, 1080)}
LEAST_FER = {"360p": 4.0, "1080p": 12.0}
LEAST_DEFACE = 2.0
LOOKED_AT = (640, 360)
"""What our detector makes of either size."""
DAMPED = 8
"""Pixels of the slow waves behind the portrait: nothing that a cascade takes for a face."""
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)


@dataclass(frozen=True)
class Race:
    """CPU seconds over a short and a long clip."""

    what: str
    frames: tuple[int, int]
    """Looked at in each."""
    ours_s: tuple[float, float]
    theirs_s: tuple[float, float]
    stages_s: dict[str, float] = field(default_factory=dict)
    """Of our run over the long clip."""
    fast_s: float | None = None
    """Our CPU seconds over the long clip with `--fast-decode`."""

    @property
    def whole(self) -> float:
        """Theirs in ours over the long clip, from start to end."""
        return self.theirs_s[1] / self.ours_s[1]

    @property
    def further(self) -> float:
        """The same of a further frame."""
        return (self.theirs_s[1] - self.theirs_s[0]) / max(1e-9, self.ours_s[1] - self.ours_s[0])


def main() -> int:
    """Install, race, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="shorter clips, one round")
    cache = user_cache_path("moodreel") / "bench-peers"
    parser.add_argument("--environments", type=Path, default=cache, metavar="DIR", help=f"where peers are: {cache}")
    asked = parser.parse_args()
    pythons = {name: _installed(name, asked.environments) for name in REQUIREMENTS}
    arena = Arena(pythons)
    lengths = (20, 60) if asked.quick else (20, 600)
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as name:
        arena.folder = Path(name)
        fer = {title: arena.against_fer(title, lengths) for title in SIZES}
        deface = {title: arena.against_deface(title, (4, 12) if asked.quick else (4, 24)) for title in SIZES}
        recalls = arena.recalls(75 if asked.quick else 300)
    _print([*fer.values(), *deface.values()], recalls, arena.versions)
    verdicts = _judge(fer, deface)
    report.show(verdicts)
    passed = all(verdicts.values())
    races = [
        asdict(race) | {"whole": race.whole, "further": race.further} for race in (*fer.values(), *deface.values())
    ]
    told = {name: asdict(found) | {"recall": found.recall} for name, found in recalls.items()}
    figures = {"races": races, "recall": told, "versions": arena.versions}
    print(f"\nwritten to {report.write('peers', figures, passed)}")
    return 0 if passed else 1


def _installed(name: str, environments: Path) -> Path:
    """The Python of a peer's environment, made where there is none. Ends the program where that cannot be done."""
    folder = environments / "-".join(one.replace("==", "-") for one in REQUIREMENTS[name])
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        print(f"installing {', '.join(REQUIREMENTS[name])} into {folder} ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS[name]]
        if subprocess.run(pip, check=False).returncode:
            print(f"error: {name} cannot be installed\nhint: it needs a network, and several GB of disk for fer")
            raise SystemExit(2)
        (folder / ".ready").touch()
    return python


class Arena:
    """Where they meet."""

    def __init__(self, pythons: Mapping[str, Path]) -> None:
        self._pythons = pythons
        self.folder = Path()
        self.versions: dict[str, dict[str, str]] = {}
        self._numbers = iter(range(1 << 30))

    def against_fer(self, title: str, lengths_s: Sequence[int]) -> Race:
        """One frame a second of clips of two lengths."""
        clips = [_film(self.folder / f"{title}-{length}.mp4", SIZES[title], length) for length in lengths_s]
        what = f"fer, {title}, every second of {lengths_s[1]} s"
        options = ("--every", "1s")
        race = self._race(what, clips, options, lambda clip: self._peer("fer", clip, FPS)[0])
        return replace(race, fast_s=self._run(clips[1], *options, "--fast-decode").cpu_s)

    def against_deface(self, title: str, lengths_s: Sequence[int]) -> Race:
        """Every frame of clips of two lengths."""
        clips = [_film(self.folder / f"{title}-{length}-all.mp4", SIZES[title], length) for length in lengths_s]
        what = f"deface, {title}, every frame of {lengths_s[1]} s"
        options = ("--every-frame", "--scorer", "none")
        return self._race(what, clips, options, lambda clip: self._peer("deface", clip, *LOOKED_AT)[0])

    def recalls(self, photos: int) -> dict[str, Found]:
        """Of both detectors over a film of photos whose faces are known."""
        shown = list(composed(photos, seed=3, high=LOOKED_AT[1]))
        clip = self.folder / "known.mp4"
        recipe = Recipe("known", "libx264", size=LOOKED_AT)
        write(clip, recipe, {"crf": "18"}, gop=1, pictures=(one.pixels for one in shown))
        theirs = self._peer("deface", clip, *LOOKED_AT)[1]["boxes"]
        said = {
            "ours": _boxes_of(clip, self.folder / "known"),
            "ours, small faces too": _boxes_of(clip, self.folder / "known small", "--min-face", "1"),
            "deface": [[(x, y, width, height) for x, y, width, height in boxes] for boxes in theirs],
        }
        return {
            name: sum(map(matched, (one.boxes for one in shown), boxes), Found(0, 0, 0))
            for name, boxes in said.items()
            if len(boxes) == len(shown)
        }

    def _race(self, what: str, clips: Sequence[Path], options: Sequence[str], theirs: Callable[[Path], float]) -> Race:
        print(f"{what} ...", file=sys.stderr)
        ours_s, theirs_s, frames, stages = [], [], [], {}
        for clip in clips:
            before = self._run(clip, *options)
            theirs_s.append(theirs(clip))
            ran = self._run(clip, *options)
            ours_s.append((before.cpu_s + ran.cpu_s) / 2)
            frames.append(int(ran.summary["counts"]["frames"]))
            stages = ran.stages_s
        return Race(what, tuple(frames), tuple(ours_s), tuple(theirs_s), stages)  # type: ignore[arg-type]

    def _run(self, clip: Path, *options: str) -> Ran:
        return run([clip], self.folder / f"run-{next(self._numbers)}", "--workers", "1", *options)

    def _peer(self, name: str, *words: object) -> tuple[float, dict[str, Any]]:
        """CPU seconds of a peer's script, and what it says."""
        command = [str(self._pythons[name]), str(SCRIPTS / f"run_{name}.py"), *map(str, words)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=as_installed() | ONE_THREAD
        )
        assert process.stdout is not None
        last = process.stdout.read().strip().rpartition("\n")[2]
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: run it to see why")
        said: dict[str, Any] = json.loads(last)
        self.versions[name] = said["versions"]
        return usage.ru_utime + usage.ru_stime, said


def _film(path: Path, size: tuple[int, int], seconds: int) -> Path:
    """One large face that wanders over slow waves, for so long."""
    opening = path.with_name(f"opening-{size[1]}.mp4")
    if not opening.exists():
        recipe = Recipe("opening", "libx264", size=size)
        write(opening, recipe, recipe.options, pictures=_wandering(size, recipe.frames))
    return repeat(opening, seconds, path)


def _wandering(size: tuple[int, int], frames: int) -> Iterator[Picture]:
    width, height = size
    side = round(0.8 * height)
    face = cv2.resize(portrait(), (side, side), interpolation=cv2.INTER_AREA)
    grain = np.random.default_rng(4).integers(0, 10, (height, width, 3), np.uint8)
    for number in range(frames):
        coarse = np.random.default_rng(5).integers(90, 170, (DAMPED, DAMPED, 3), np.uint8)
        picture = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
        left, top = round((width - side) * number / frames), round((height - side) * (number % 25) / 25)
        picture[top : top + side, left : left + side] = face
        yield cv2.add(picture, np.roll(grain, 977 * number)).astype(np.uint8, copy=False)


def _boxes_of(clip: Path, folder: Path, *options: str) -> list[list[Box]]:
    """What `moodreel` finds in each frame of a clip, in order."""
    run([clip], folder, "--workers", "1", "--every-frame", "--scorer", "none", *options)
    asked = (
        "SELECT frame.pts, box_x, box_y, box_width, box_height FROM frame "
        "LEFT JOIN face USING (media_analysis_id, pts) "
        "ORDER BY frame.pts"
    )
    boxes: dict[int, list[Box]] = {}
    with closing(sqlite3.connect(folder / "moodreel.db")) as database:
        for pts, *box in database.execute(asked):
            boxes.setdefault(pts, []).extend([] if box[0] is None else [(box[0], box[1], box[2], box[3])])
    return list(boxes.values())


def _print(races: Sequence[Race], recalls: Mapping[str, Found], versions: Mapping[str, Mapping[str, str]]) -> None:
    for race in races:
        print(f"{race.what}: {race.frames[1]} frames; CPU s {race.theirs_s[1]:.1f} against {race.ours_s[1]:.1f}")
        print(f"  {race.whole:.1f} times as much from start to end, {race.further:.1f} times for a further frame")
        if race.fast_s is not None:
            print(
                f"  {race.theirs_s[1] / race.fast_s:.1f} times from start to end with --fast-decode: {race.fast_s:.1f}"
            )
        print("  ours: " + "  ".join(f"{stage} {spent:.2f}" for stage, spent in race.stages_s.items()))
    for name, found in recalls.items():
        print(f"recall of {name}: {found.recall:.1%} of {found.faces} faces, {found.false} false boxes")
    for name, parts in versions.items():
        print(f"{name}: " + ", ".join(f"{part} {number}" for part, number in parts.items()))


def _judge(fer: Mapping[str, Race], deface: Mapping[str, Race]) -> dict[str, bool]:
    told = chain(
        ((race, LEAST_FER[title]) for title, race in fer.items()), ((race, LEAST_DEFACE) for race in deface.values())
    )
    return {
        f"{race.what}: {race.whole:.1f} times our CPU, {least:g} at least": race.whole >= least for race, least in told
    }


if __name__ == "__main__":
    sys.exit(main())
