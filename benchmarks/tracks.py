"""How well tracks tell who is who, on drawn scenes whose truth is known; how long a film takes; what a face costs.

    python -m benchmarks.tracks [--quick]

IDF1 (benchmarks/identity.py) of every scene at 1 and at 10 frames a second: with what faces look like, by motion alone,
and assigned anew without looks, from the tracks that there were. Then everything once more with a detector that misses
10 % of the faces and invents 2 %: even a perfect tracker then reaches 0.94 at most, for what was not found is in no
track. Exits with 1 where a target is missed.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import psutil

from benchmarks import report
from benchmarks.identity import Named, idf1
from benchmarks.people import Scene, play
from benchmarks.plays import scenes
from db.records import Face
from workers.detection.appearance import appearance_of, scene_of, with_appearance
from workers.tracking.look import LENGTH, SCENE, SHOWN
from workers.tracking.sightings import FaceSeen, FrameSeen, Pacing
from workers.tracking.tracker import default_gap_s, tracks_of

RATES = (1.0, 10.0)
MISSED, INVENTED = 0.1, 0.02
LEAST_IDF1 = 0.9
MOST_S, MOST_FACE_MS = 60.0, 0.3
FILM_FACES, FILM_FPS, FILM_PEOPLE = 1_000_000, 25, 4


@dataclass(frozen=True)
class Seen:
    """One scene as it was found: what is there and the faces, frame by frame."""

    truth: tuple[Named, ...]
    frames: tuple[FrameSeen, ...]
    rate: float


@dataclass(frozen=True)
class Row:
    """IDF1 of one scene at one rate."""

    scene: str
    rate: float
    people: int
    tracks: int
    looks: float
    motion: float
    anew: float


def seen_of(scene: Scene, rate: float, seed: int = 1) -> Seen:
    """Play a scene and look at it, descriptors and all."""
    truth, frames = [], []
    for shown in play(scene, rate, default_gap_s(1 / rate), seed):
        faces = with_appearance(shown.picture, shown.faces)
        truth.append(shown.truth)
        frames.append(FrameSeen(shown.time_s, [FaceSeen(_box(face), face.appearance) for face in faces]))
    return Seen(tuple(truth), tuple(frames), rate)


def _box(face: Face) -> tuple[float, float, float, float]:
    return face.box_x, face.box_y, face.box_width, face.box_height


def tracked(seen: Seen, frames: Sequence[FrameSeen], known_gap_s: float = 0.0) -> list[list[int]]:
    """The tracks of `frames`, which are those of the scene or what is left of them."""
    pacing = Pacing(default_gap_s(1 / seen.rate), 1 / seen.rate, known_gap_s)
    tracks = iter(tracks_of(frames, pacing).tolist())
    return [[next(tracks) for _ in frame.faces] for frame in frames]


def rated(seen: Seen, tracks: Sequence[Sequence[int]]) -> float:
    """IDF1."""
    said = [
        [(track, face.box) for track, face in zip(some, frame.faces, strict=True)]
        for some, frame in zip(tracks, seen.frames, strict=True)
    ]
    return idf1(zip(seen.truth, said, strict=True))


def bare(seen: Seen, tracks: Sequence[Sequence[int]] | None = None) -> list[FrameSeen]:
    """The frames without looks; with the tracks that faces had, if given."""
    old = tracks or [[None] * len(frame.faces) for frame in seen.frames]
    return [
        FrameSeen(
            frame.time_s,
            [FaceSeen(face.box, None, track) for face, track in zip(frame.faces, some, strict=True)],
        )
        for frame, some in zip(seen.frames, old, strict=True)
    ]


def measured(scene: Scene, rate: float) -> Row:
    """One scene at one rate, in three ways."""
    seen = seen_of(scene, rate)
    tracks = tracked(seen, seen.frames)
    anew = tracked(seen, bare(seen, tracks), default_gap_s(1 / rate))
    people = len({who for frame in seen.truth for who, _ in frame})
    made = len({track for some in tracks for track in some})
    motion = rated(seen, tracked(seen, bare(seen)))
    return Row(scene.name, rate, people, made, rated(seen, tracks), motion, rated(seen, anew))


def film(faces: int) -> Iterator[FrameSeen]:
    """A long film: four people who sway in their places, a tenth of their faces missed."""
    random = np.random.default_rng(1)
    base = random.integers(0, 255, (FILM_PEOPLE, LENGTH)).astype(np.int64)
    base[:, SHOWN], base[:, SCENE] = 255, base[0, SCENE]
    looks = [
        [bytes(np.clip(base[who] + random.integers(-4, 5, LENGTH), 0, 255).astype(np.uint8)) for _ in range(16)]
        for who in range(FILM_PEOPLE)
    ]
    for number in range(faces // FILM_PEOPLE):
        time_s, seen = number / FILM_FPS, random.random(FILM_PEOPLE) >= MISSED
        sway = 60 * np.sin(0.7 * time_s + np.arange(FILM_PEOPLE)) + random.normal(0, 1.5, FILM_PEOPLE)
        yield FrameSeen(
            time_s,
            [
                FaceSeen((100.0 + 300 * who + float(sway[who]), 150.0, 64.0, 80.0), looks[who][number % 16])
                for who in range(FILM_PEOPLE)
                if seen[who]
            ],
        )


def film_s(faces: int) -> tuple[float, float, int]:
    """CPU seconds that the tracks of a film take, without making it; MB that the process takes then; its tracks."""
    began = time.process_time()
    for _ in film(faces):
        pass
    making_s = time.process_time() - began
    began = time.process_time()
    tracks = tracks_of(film(faces), Pacing(2.0, 1 / FILM_FPS))
    taken_s = time.process_time() - began - making_s
    return taken_s, psutil.Process().memory_info().rss / 2**20, int(tracks.max())


def face_ms(size: tuple[int, int], high: float) -> float:
    """CPU milliseconds that the descriptor of a face takes, the scene's part included."""
    picture = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    face = Face(size[0] / 2, size[1] / 3, 0.8 * high, high, None, 0.9)
    began, rounds = time.process_time(), 300
    for _ in range(rounds):
        appearance_of(picture, face, scene_of(picture))
    return 1000 * (time.process_time() - began) / rounds


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the film, and no poor detectors")
    quick = parser.parse_args().quick
    judged = _table("a good detector", [measured(scene, rate) for scene in scenes() for rate in RATES])
    poor = [replace(scene, missed=MISSED, invented=INVENTED) for scene in scenes()]
    others = [] if quick else _table("a poor detector", [measured(scene, rate) for scene in poor for rate in RATES])
    taken_s, memory_mb, tracks = film_s(FILM_FACES // (10 if quick else 1))
    face = max(face_ms((640, 360), 60.0), face_ms((1920, 1080), 300.0), face_ms((3840, 2160), 900.0))
    print(f"\na film of {FILM_FACES // (10 if quick else 1):,} faces: {taken_s:.1f} s, {memory_mb:.0f} MB")
    print(f"a descriptor: {face:.3f} ms, {LENGTH} bytes")
    verdicts = {
        f"IDF1 of every scene at least {LEAST_IDF1}": min(row.looks for row in judged) >= LEAST_IDF1,
        "assigned anew, every scene keeps its IDF1": all(row.anew >= row.looks - 1e-9 for row in [*judged, *others]),
        f"the film under {MOST_S:.0f} s of CPU, its {FILM_PEOPLE} people found": taken_s < MOST_S
        and tracks == FILM_PEOPLE,
        f"a descriptor under {MOST_FACE_MS} ms": face < MOST_FACE_MS,
    }
    report.show(verdicts)
    figures = {"rows": [asdict(row) for row in [*judged, *others]], "film_s": taken_s, "memory_mb": memory_mb}
    print(f"written to {report.write('tracks', figures | {'face_ms': face}, all(verdicts.values()))}")
    return 0 if all(verdicts.values()) else 1


def _table(title: str, rows: list[Row]) -> list[Row]:
    print(f"\n{title:18} {'rate':>5} {'true':>5} {'tracks':>6} {'IDF1':>6} {'motion':>7} {'anew':>6}")
    for row in rows:
        print(
            f"{row.scene:18} {row.rate:5.0f} {row.people:5} {row.tracks:6} "
            f"{row.looks:6.3f} {row.motion:7.3f} {row.anew:6.3f}"
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
