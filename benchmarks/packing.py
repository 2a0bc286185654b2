"""What faces lose on a sheet with others: the local detector and scorer stand in for a service that finds and scores.

    python -m benchmarks.packing [--media DIR] [--sizes 128,160] [--most N]

Real faces (the demo's portrait, turned, shrunk and darkened; photos and clips of `--media` where there are any) are cut
out with their surroundings, packed on sheets of 1 to 64, encoded as they would be sent, found and scored again. What
is missing is sent again alone. Scores are held against those of the same face sent alone (`--pack 1`), and against
those that a local run gives. Exits with 1 when a target is missed at the size that we use.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from db.records import Face
from tests.acceptance.folders import portrait
from workers.analysis import DetectorSpec, ScorerSpec
from workers.detection.crop import aligned_crop
from workers.detection.cutout import AROUND, cut_out
from workers.detection.faces import find_faces
from workers.detection.yunet import YuNet
from workers.scoring.ferplus import FerPlus
from workers.services.base import PictureCard
from workers.services.packing import PICTURE_PX, assign
from workers.services.sheets import Crop, Packed, Pixels, pack

MEDIA = Path(__file__).parents[2] / "shared" / "media"
PACKS = (1, 4, 16, 36, 64)
SIZES = (96, 112, 128, 144, 160, 192, 224)
EVERY = 3
"""Frames of a clip from one face to the next."""
CARD = PictureCard(
    name="stand-in", title="the local models", rate_per_s=10, usd_per_1000=Decimal(1), formats=("jpeg",),
    min_bytes=1024, max_bytes=5 * 2**20, min_side_px=80, max_faces=100, face_px=40,
)  # fmt: skip
CLEAR = 0.1
JUDGED_PACK = 36
LEAST_SAME, LEAST_FOUND, MOST_AGAIN = 0.97, 1.0, 0.02

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """A face: cut out for a service, and as a local run scores it."""

    crop: Crop
    local: Scores


@dataclass(frozen=True)
class Measured:
    """Sheets of so many faces, with crops of this size."""

    picture_px: int
    pack: int
    faces: int
    sheets: int
    found: float
    """Share of the faces that the sheet gave back."""
    found_in_the_end: float
    """With those that were sent again alone."""
    same_dominant: float
    """Against the same face sent alone."""
    same_where_clear: float
    """Among the faces whose two likeliest emotions, sent alone, are at least CLEAR apart."""
    mean_difference: float
    """Of the eight probabilities, against the same face sent alone."""
    same_as_local: float
    difference_to_local: float
    mean_bytes: int
    make_ms: float
    """Planning, drawing and encoding a sheet; the median."""


class StandIn:
    """A service: an encoded picture in, boxes and probabilities out."""

    def __init__(self, max_side: int) -> None:
        self._detector = YuNet(DetectorSpec(max_side=max_side, confidence=0.7))
        self.scorer = FerPlus(ScorerSpec())

    def detect(self, picture: bytes) -> list[tuple[tuple[float, float, float, float], Scores]]:
        """What is found, in an order of its own."""
        pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        pixels = pixels.astype(np.uint8, copy=False)
        faces, _ = find_faces(self._detector, pixels, CARD.face_px)
        scores = self.scorer.score(np.stack([aligned_crop(pixels, face) for face in faces])) if faces else ()
        return [
            ((one.box_x, one.box_y, one.box_width, one.box_height), row) for one, row in zip(faces, scores, strict=True)
        ]


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, default=MEDIA, help="folder of photos and clips", metavar="DIR")
    parser.add_argument(
        "--sizes", default=",".join(map(str, SIZES)), help="pixels a crop on the sheet", metavar="PX,PX"
    )
    parser.add_argument("--most", type=int, default=1000, help="faces at most", metavar="N")
    parser.add_argument("--max-side", type=int, default=8192, help="to what a sheet is reduced", metavar="PX")
    asked = parser.parse_args()
    service = StandIn(asked.max_side)
    samples = samples_of(asked.media, service.scorer)[: asked.most]
    print(f"{len(samples)} faces", file=sys.stderr)
    measured = [one for size in map(int, asked.sizes.split(",")) for one in _measure(samples, service, size)]
    verdicts = _judge(measured)
    _print(measured, verdicts)
    figures = {
        "faces": len(samples),
        "around": AROUND,
        "measured": [asdict(one) for one in measured],
        "verdicts": verdicts,
    }
    passed = all(verdicts.values())
    print(f"\nwritten to {report.write('packing', figures, passed)}")
    return 0 if passed else 1


def samples_of(media: Path, scorer: FerPlus) -> list[Sample]:
    """Every face that a local run finds, in an order that mixes the pictures and is always the same."""
    found = []
    with YuNet(DetectorSpec()) as detector:
        for picture in _pictures(media):
            for face in find_faces(detector, picture, 32)[0]:
                (local,) = scorer.score(aligned_crop(picture, face)[None])
                found.append(Sample(crop_of(picture, face), local))
    random.Random(1).shuffle(found)
    return found


def crop_of(picture: Pixels, face: Face, around: float = AROUND) -> Crop:
    """The face as a child cuts it out, in all its detail."""
    cutout = cut_out(picture, face, around)
    return Crop(cutout.pixels, cutout.face_xywh)


def _pictures(media: Path) -> Iterator[Pixels]:
    yield from _portraits()
    for path in sorted(media.glob("*")) if media.is_dir() else ():
        if path.suffix == ".jpg":
            photo = cv2.imread(str(path), cv2.IMREAD_COLOR)
            assert photo is not None
            yield from _variants(photo.astype(np.uint8, copy=False))
        elif path.suffix in (".mp4", ".mov"):
            with av.open(str(path)) as container:
                for number, frame in enumerate(container.decode(video=0)):
                    if number % EVERY == 0:
                        yield frame.to_ndarray(format="bgr24")


def _portraits() -> Iterator[Pixels]:
    """The portrait at many sizes, turned and lit differently."""
    face = portrait()
    for number in range(48):
        scale, angle = 0.15 + 0.03 * (number % 23), -24 + 7 * (number % 8)
        move = cv2.getRotationMatrix2D((235, 160), angle, scale)
        move[:, 2] += (160 - 235 + number % 5, 110 - 160 + number % 3)
        turned = cv2.warpAffine(face, move, (320, 220), flags=cv2.INTER_AREA, borderValue=(90, 90, 90))
        yield cv2.convertScaleAbs(turned, alpha=0.55 + 0.09 * (number % 9), beta=number % 4 * 8).astype(np.uint8)


def _variants(photo: Pixels) -> Iterator[Pixels]:
    """A photo at several sizes, and mirrored: small faces are what loses most."""
    for scale in (1.0, 0.8, 0.6, 0.45, 0.3):
        smaller = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        yield smaller
        yield np.ascontiguousarray(smaller[:, ::-1])


def _measure(samples: Sequence[Sample], service: StandIn, picture_px: int) -> Iterator[Measured]:
    alone, _, _ = _send(samples, service, picture_px, 1)
    for most in PACKS:
        print(f"{most} a sheet, crops of {picture_px} ...", file=sys.stderr)
        found, packed, make_ms = _send(samples, service, picture_px, most)
        in_the_end = alone | found
        both = [(found[at], alone[at]) for at in found if at in alone]
        local = [(in_the_end[at], samples[at].local) for at in in_the_end]
        yield Measured(
            picture_px=picture_px,
            pack=most,
            faces=len(samples),
            sheets=len(packed),
            found=len(found) / len(samples),
            found_in_the_end=len(in_the_end) / len(samples),
            same_dominant=_same(both),
            same_where_clear=_same([(one, other) for one, other in both if _is_clear(other)]),
            mean_difference=_difference(both),
            same_as_local=_same(local),
            difference_to_local=_difference(local),
            mean_bytes=round(statistics.mean(len(one.picture) for one in packed)),
            make_ms=round(statistics.median(make_ms), 2),
        )


def _same(pairs: Sequence[tuple[Scores, Scores]]) -> float:
    return statistics.mean(int(one.argmax() == other.argmax()) for one, other in pairs)


def _difference(pairs: Sequence[tuple[Scores, Scores]]) -> float:
    """Mean absolute, of the probabilities."""
    return float(np.mean([np.abs(one - other).mean() for one, other in pairs]))


def _is_clear(scores: Scores) -> bool:
    second, first = np.sort(scores)[-2:]
    return bool(first - second >= CLEAR)


def _send(
    samples: Sequence[Sample], service: StandIn, picture_px: int, most: int
) -> tuple[dict[int, Scores], list[Packed], list[float]]:
    """Scores by sample of what came back, the sheets, and what each took to make in milliseconds."""
    scores: dict[int, Scores] = {}
    sheets: list[Packed] = []
    make_ms = []
    for at in range(0, len(samples), most):
        crops = [sample.crop for sample in samples[at : at + most]]
        started = time.perf_counter()
        packed = pack(crops, CARD, picture_px)
        make_ms.append((time.perf_counter() - started) * 1e3)
        assert len(packed.sheet.cells) == len(crops), "a sheet was cut for its bytes"
        answers = service.detect(packed.picture)
        given = assign(packed.sheet, [box for box, _ in answers]).answers
        scores |= {at + crop: answers[answer][1] for crop, answer in given.items()}
        sheets.append(packed)
    return scores, sheets, make_ms


def _judge(measured: Sequence[Measured]) -> dict[str, bool]:
    """The targets, in words, and whether each was met."""
    verdicts = {}
    for one in measured:
        if one.picture_px == PICTURE_PX and one.pack == JUDGED_PACK:
            at = f"at {one.pack} a sheet"
            verdicts[f"same dominant emotion for {LEAST_SAME:.0%} {at}"] = one.same_dominant >= LEAST_SAME
            verdicts[f"all found {at}, with what is sent again"] = one.found_in_the_end >= LEAST_FOUND
            verdicts[f"at most {MOST_AGAIN:.0%} sent again {at}"] = one.found >= 1 - MOST_AGAIN
    return verdicts


def _print(measured: Sequence[Measured], verdicts: dict[str, bool]) -> None:
    titles = ("crop px", "pack", "sheets", "found", "in the end", "same", "clear", "diff", "~local", "diff", "kB", "ms")
    print("".join(f"{title:>11}" for title in titles))
    for one in measured:
        cells = (
            *(one.picture_px, one.pack, one.sheets),
            *(f"{share:.2%}" for share in (one.found, one.found_in_the_end, one.same_dominant, one.same_where_clear)),
            *(f"{one.mean_difference:.4f}", f"{one.same_as_local:.2%}", f"{one.difference_to_local:.4f}"),
            *(one.mean_bytes // 1000, f"{one.make_ms:.1f}"),
        )
        print("".join(f"{cell!s:>11}" for cell in cells))
    report.show(verdicts, all_of_them=False)


if __name__ == "__main__":
    sys.exit(main())
