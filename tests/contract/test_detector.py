"""YuNet on ONNX Runtime against its oracle: cv2.FaceDetectorYN with the same weights, size and threshold."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.acceptance.folders import views
from tests.support import pictures
from workers.analysis import DetectorSpec
from workers.detection.catalogue import open_detector
from workers.detection.yunet import YuNet, reduce_to
from workers.models.catalogue import card_of, path_of

LOOSE = 0.3
PIXELS = 0.01
"""How far boxes and landmarks may differ, in pixels of the picture given; measured: at most 0.0002."""
SCORE = 1e-5
"""How far scores may differ; measured: at most 1.4e-6."""

Rows = NDArray[np.float64]
"""[faces, 15]: box, landmarks, score; ordered from left to right."""


@pytest.fixture(scope="module")
def yunet() -> Iterator[YuNet]:
    with YuNet(DetectorSpec(confidence=LOOSE)) as detector:
        yield detector


def ours(detector: YuNet, picture: pictures.Picture) -> Rows:
    found = detector.detect(picture)
    rows = [[one.x, one.y, one.width, one.height, *one.landmarks, one.confidence] for one in found]
    return _ordered(np.array(rows, np.float64))


def oracle(picture: pictures.Picture, confidence: float = LOOSE, max_side: int = 640) -> Rows:
    """What cv2.FaceDetectorYN finds in the picture reduced to `max_side`, mapped back."""
    small, scale = reduce_to(picture, max_side)
    height, width = small.shape[:2]
    detector = cv2.FaceDetectorYN.create(str(path_of(card_of("yunet"))), "", (width, height), confidence, 0.3, 5000)
    _, found = detector.detect(small)
    rows = np.empty((0, 15)) if found is None else found.astype(np.float64)
    rows[:, :14] *= scale * 7
    return _ordered(rows)


def _ordered(rows: Rows) -> Rows:
    rows = rows.reshape(-1, 15)
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def assert_alike(found: Rows, expected: Rows) -> None:
    assert len(found) == len(expected)
    np.testing.assert_allclose(found[:, :14], expected[:, :14], rtol=0, atol=PIXELS)
    np.testing.assert_allclose(found[:, 14], expected[:, 14], rtol=0, atol=SCORE)


@pytest.mark.parametrize("name", ["multi_face.jpg", "single_face.jpg"])
def test_photos_give_the_faces_of_the_oracle(shared_media: Path, yunet: YuNet, name: str) -> None:
    picture = pictures.photo(shared_media, name)
    expected = oracle(picture)
    assert len(expected)
    assert_alike(ours(yunet, picture), expected)


def test_the_group_photo_has_five_faces(shared_media: Path) -> None:
    picture = pictures.photo(shared_media, "multi_face.jpg")
    with open_detector(DetectorSpec()) as detector:
        found = ours(detector, picture)  # type: ignore[arg-type]
    assert len(found) == 5
    assert_alike(found, oracle(picture, confidence=0.7))


@pytest.mark.parametrize(
    ("name", "faces"),
    [
        ("single_face.mp4", True),
        ("WolfgangLanger_Pexels.mp4", True),
        ("face_noface.mov", True),
        ("no_face.mp4", False),
    ],
)
def test_frames_give_the_faces_of_the_oracle(shared_media: Path, yunet: YuNet, name: str, faces: bool) -> None:
    every = 15 if name.startswith("single") else 30
    counted = 0
    for picture in pictures.frames(shared_media, name, every, count=4):
        expected = oracle(picture)
        counted += len(expected)
        assert_alike(ours(yunet, picture), expected)
    assert bool(counted) is faces


@pytest.mark.parametrize(
    ("width", "height"),
    [(639, 359), (641, 361), (353, 500), (33, 640), (640, 33), (64, 64), (97, 1000), (1000, 97), (2000, 1333)],
)
def test_any_size_gives_the_faces_of_the_oracle(shared_media: Path, yunet: YuNet, width: int, height: int) -> None:
    picture = pictures.resized(pictures.photo(shared_media, "multi_face.jpg"), width, height)
    assert_alike(ours(yunet, picture), oracle(picture))


def test_what_was_looked_at_before_leaves_no_trace(yunet: YuNet) -> None:
    """All are padded to 640 x 384, and the detector uses its memory again."""
    sizes = [(640, 384), (610, 355), (639, 383), (610, 355), (640, 384)]
    seen = [next(views(number, 1, size)) for number, size in enumerate(sizes)]
    for picture in seen:
        with YuNet(DetectorSpec(confidence=LOOSE)) as fresh:
            expected = fresh.detect(picture)
        assert expected
        assert yunet.detect(picture) == expected


@pytest.mark.parametrize("seed", range(8))
def test_crowds_with_overlaps_give_the_faces_of_the_oracle(shared_media: Path, yunet: YuNet, seed: int) -> None:
    picture = pictures.crowd(shared_media, seed)
    expected = oracle(picture)
    assert len(expected) >= 4
    assert_alike(ours(yunet, picture), expected)


@pytest.mark.parametrize("max_side", [320, 1000])
def test_the_bound_on_the_longer_side_is_obeyed(shared_media: Path, max_side: int) -> None:
    picture = pictures.photo(shared_media, "multi_face.jpg")
    with YuNet(DetectorSpec(max_side=max_side)) as detector:
        assert_alike(ours(detector, picture), oracle(picture, 0.7, max_side))


def test_a_low_threshold_keeps_the_order_of_suppression(shared_media: Path) -> None:
    picture = pictures.photo(shared_media, "multi_face.jpg")
    with YuNet(DetectorSpec(confidence=0.02)) as detector:
        expected = oracle(picture, 0.02)
        assert len(expected) > 5
        assert_alike(ours(detector, picture), expected)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2), (31, 31), (1, 700), (700, 1), (5000, 3)])
def test_tiny_and_thread_like_pictures_have_no_face(yunet: YuNet, width: int, height: int) -> None:
    """Not compared: below 64 x 64 (padded) the oracle reads memory that nobody wrote, and differs from run to run."""
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    assert yunet.detect(picture) == []


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_even_picture_has_no_face(yunet: YuNet, shade: int) -> None:
    assert yunet.detect(np.full((360, 640, 3), shade, np.uint8)) == []


def test_a_picture_need_not_be_contiguous(shared_media: Path, yunet: YuNet) -> None:
    picture = pictures.photo(shared_media, "multi_face.jpg")
    view = np.asfortranarray(picture)[:, :, :]
    assert yunet.detect(view) == yunet.detect(picture)


def test_detection_does_not_change_the_picture(shared_media: Path, yunet: YuNet) -> None:
    picture = pictures.photo(shared_media, "single_face.jpg")
    before = picture.copy()
    yunet.detect(picture)
    assert np.array_equal(picture, before)
