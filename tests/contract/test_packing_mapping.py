"""A real detector looks at real sheets, in the place of a service: what it finds is given back to the right faces."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.packing import CARD, crop_of
from tests.acceptance.folders import views
from workers.analysis import DetectorSpec
from workers.detection.crop import aligned_crop
from workers.detection.faces import find_faces
from workers.detection.yunet import YuNet
from workers.services.packing import Box, assign
from workers.services.sheets import Crop, Pixels, pack


@dataclass
class Looker:
    """The local detector on an encoded picture: boxes in an order of its own, the faces in them, and the picture."""

    detector: YuNet

    def look(self, picture: bytes) -> tuple[list[Box], list[Pixels], Pixels]:
        pixels = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        faces, _ = find_faces(self.detector, pixels, CARD.face_px)
        random.Random(len(faces)).shuffle(faces)
        boxes = [(one.box_x, one.box_y, one.box_width, one.box_height) for one in faces]
        return boxes, [aligned_crop(pixels, face) for face in faces], pixels


@pytest.fixture(scope="module")
def looker() -> Iterator[Looker]:
    with YuNet(DetectorSpec(max_side=4096)) as detector:
        yield Looker(detector)


def faces_of(looker: Looker, pictures: Sequence[Pixels], around: float = 1.6) -> list[Crop]:
    return [
        crop_of(picture, face, around) for picture in pictures for face in find_faces(looker.detector, picture, 32)[0]
    ]


def tinted(crop: Crop, blue: float, red: float) -> Crop:
    """The crop in a colour of its own, by which it is known again on the sheet."""
    return Crop((crop.pixels * np.array([blue, 1.0, red])).round().clip(0, 255).astype(np.uint8), crop.face_xywh)


def colour(pixels: Pixels, box: Box) -> tuple[float, float]:
    """Blue and red against green, of the box's pixels."""
    x, y, width, height = map(round, box)
    blue, green, red = pixels[y : y + height, x : x + width].reshape(-1, 3).mean(0)
    return blue / green, red / green


def test_each_face_of_a_sheet_gets_the_answer_that_was_found_in_its_own_pixels(looker: Looker) -> None:
    chance = random.Random(5)
    tints = [(0.4 + 0.1 * (number % 6), 0.4 + 0.1 * (number // 6)) for number in range(36)]
    chance.shuffle(tints)
    plain = faces_of(looker, [next(views(number, 1)) for number in range(36)])
    some = [tinted(crop, *tint) for crop, tint in zip(plain, tints, strict=True)]
    faceless = chance.sample(range(36), 9)
    for number in faceless:
        some[number] = Crop(np.full_like(some[number].pixels, 120), some[number].face_xywh)
    packed = pack(some, CARD)
    boxes, _, pixels = looker.look(packed.picture)
    assigned = assign(packed.sheet, boxes)
    assert assigned.missing == tuple(sorted(faceless))
    for number, answer in assigned.answers.items():
        own = colour(some[number].pixels, some[number].face_xywh)
        assert colour(pixels, boxes[answer]) == pytest.approx(own, abs=0.04)  # tints are 0.1 apart, times the skin's


def test_neighbours_that_reach_into_a_crop_are_not_taken_for_its_own_face(looker: Looker, shared_media: Path) -> None:
    photo = cv2.imread(str(shared_media / "multi_face.jpg"))
    assert photo is not None
    some = faces_of(looker, [photo], around=2.4)
    assert len(some) == 5
    packed = pack(some, CARD)
    boxes, seen, _ = looker.look(packed.picture)
    assert len(boxes) > len(some), "no neighbour was found: the test shows nothing"
    assigned = assign(packed.sheet, boxes)
    assert not assigned.missing
    alone = [_alone(looker, crop) for crop in some]
    for number, answer in assigned.answers.items():
        differences = [float(np.abs(seen[answer].astype(int) - one).mean()) for one in alone]
        assert differences.index(min(differences)) == number


def _alone(looker: Looker, crop: Crop) -> Pixels:
    """The face that is found in a crop that is sent alone."""
    packed = pack([crop], CARD)
    boxes, seen, _ = looker.look(packed.picture)
    return seen[assign(packed.sheet, boxes).answers[0]]
