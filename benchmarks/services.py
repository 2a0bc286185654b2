"""What faces lose that share a call: a clip of ten minutes and 500 photos, scored by a stand-in for Azure Face twice.

    python -m benchmarks.services [--quick]

The real command, 36 faces a sheet against each face alone. Exits with 1 when the sheets take more than 1/25 of the
calls, or fewer than 97 % of the faces keep their dominant emotion.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.clips import repeat
from tests.acceptance.folders import portrait
from tests.acceptance.runs import sql
from tests.services.azure import KEY, AzureStandIn

PACK = 36
MOST_CALLS, LEAST_SAME = 1 / 25, 0.97
CLIP_S, OPENING_S, FPS, PHOTOS = 600, 40, 10, 500
SIZE = (640, 360)
MOUTH = np.s_[128:164, 188:252]
FACES = "SELECT path, pts, box_x, box_y, box_width, box_height, dominant FROM emotions"

Picture = NDArray[np.uint8]
Dominants = dict[tuple[object, ...], str | None]


@dataclass(frozen=True)
class Scored:
    """One run."""

    pack: int
    calls: int
    took_s: float
    faces: int


@dataclass(frozen=True)
class Measured:
    """Both, compared."""

    packed: Scored
    alone: Scored
    same_dominant: float
    unscored: int
    dominants: dict[str, int]
    """Of the faces that went alone: how much there was to tell apart."""


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of it, for a smoke test")
    share = 10 if parser.parse_args().quick else 1
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder:
        media = recordings(Path(folder) / "media", CLIP_S // share, PHOTOS // share)
        measured = _measure(media, Path(folder))
    verdicts = _judge(measured)
    for one in (measured.packed, measured.alone):
        print(f"{one.pack:>3} a call: {one.faces:,} faces, {one.calls:,} calls, {one.took_s:.0f} s")
    print(f"same dominant emotion: {measured.same_dominant:.2%}; without scores: {measured.unscored}")
    print(f"dominant, alone: {measured.dominants}")
    report.show(verdicts)
    passed = all(verdicts.values())
    print(f"\nwritten to {report.write('services', asdict(measured), passed)}")
    return 0 if passed else 1


def recordings(folder: Path, clip_s: int, photos: int) -> Path:
    """A clip with one face that moves, and photos of it."""
    folder.mkdir()
    for number, picture in enumerate(pictures(photos)):
        cv2.imwrite(str(folder / f"{number:03}.jpg"), picture)
    opening = folder.parent / "opening.mp4"
    with av.open(str(opening), "w") as output:
        stream = output.add_stream("libx264", rate=FPS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for picture in pictures(OPENING_S * FPS):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(stream.encode(None))
    repeat(opening, clip_s, folder / "clip.mp4")
    return folder


def pictures(count: int) -> Iterator[Picture]:
    """BGR: the portrait at many sizes and places, turned and lit differently, from one to the next a little; it smiles,
    and its mouth is turned upside down by and by, which makes it neutral.
    """
    upright = portrait()
    for number in range(count):
        turn = number / 20
        face = upright.copy()
        share = 0.5 + 0.5 * np.sin(0.8 * turn)
        face[MOUTH] = (1 - share) * upright[MOUTH] + share * upright[MOUTH][::-1]
        scale, angle = 0.5 + 0.25 * np.sin(turn), 20 * np.sin(1.7 * turn)
        move = cv2.getRotationMatrix2D((235, 160), angle, scale)
        move[:, 2] += (320 - 235 + 150 * np.sin(0.6 * turn), 170 - 160 + 30 * np.cos(0.9 * turn))
        turned = cv2.warpAffine(face, move, SIZE, flags=cv2.INTER_AREA, borderValue=(90, 90, 90))
        light = 0.95 + 0.4 * np.sin(0.37 * number)
        yield cv2.convertScaleAbs(turned, alpha=light, beta=number % 4 * 8).astype(np.uint8)


def _measure(media: Path, folder: Path) -> Measured:
    packed, ours = _run(media, folder / "packed.db", PACK)
    alone, theirs = _run(media, folder / "alone.db", 1)
    assert ours.keys() == theirs.keys(), "another packing found other faces"
    return Measured(
        packed,
        alone,
        same_dominant=sum(ours[face] == theirs[face] for face in theirs) / len(theirs),
        unscored=sum(dominant is None for dominant in ours.values()),
        dominants=dict(Counter(map(str, theirs.values())).most_common()),
    )


def _run(media: Path, database: Path, pack: int) -> tuple[Scored, Dominants]:
    url = f"sqlite:///{database}"
    command = ["run", media, "--scorer", "azure", "--pack", pack, "--every", "1s", "--rate", "1000/s", "--quiet"]
    with AzureStandIn() as server:
        settings = {"MOODREEL_AZURE_ENDPOINT": server.url, "MOODREEL_AZURE_KEY": KEY, "MOODREEL_DATABASE_URL": url}
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "jobs", *map(str, command)], env=_environment(settings), check=True)
        took_s = time.monotonic() - began
    found: Dominants = {row[:-1]: row[-1] for row in sql(database, FACES)}
    return Scored(pack, server.book.calls, round(took_s, 1), len(found)), found


def _environment(settings: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOODREEL_")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[1])} | settings


def _judge(measured: Measured) -> dict[str, bool]:
    """The targets, in words, and whether each was met."""
    calls = measured.packed.calls / measured.alone.calls
    return {
        f"at most 1/{round(1 / MOST_CALLS)} of the calls ({calls:.4f})": calls <= MOST_CALLS,
        f"same dominant emotion for {LEAST_SAME:.0%}": measured.same_dominant >= LEAST_SAME,
        "no face without scores": not measured.unscored,
    }


if __name__ == "__main__":
    sys.exit(main())
