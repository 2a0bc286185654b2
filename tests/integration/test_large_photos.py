"""Large JPEGs are decoded small where that is enough, and again where a face has too few pixels."""

import dataclasses
import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from db.states import FrameStatus
from tests.acceptance.folders import portrait
from tests.support import stills
from tests.support.segments import DEFAULT, analysed
from workers.analysis import DetectorSpec, ScorerSpec
from workers.detection.cutout import SHEET_PX
from workers.messages import Give, SegmentResult
from workers.video import photo as photos
from workers.video.photo import read_photo
from workers.video.picture import Picture
from workers.video.sniff import JPEG

SERVICE = dataclasses.replace(DEFAULT, scorer=ScorerSpec("azure"))


def scene(width: int, height: int, *faces: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Gray, with the portrait at each x, y and side."""
    picture = np.full((height, width, 3), 90, np.uint8)
    for x, y, side in faces:
        picture[y : y + side, x : x + side] = cv2.resize(portrait(), (side, side), interpolation=cv2.INTER_AREA)
    return picture


def saved(path: Path, picture: NDArray[np.uint8], orientation: int = 1, **options: object) -> Path:
    stills.image(picture).save(path, quality=92, exif=stills.exif(orientation), **options)
    return path


def read(path: Path, enough_px: float) -> NDArray[np.uint8]:
    return read_photo(os.fsencode(path), stills.form_of(path), enough_px)


def result_of(path: Path, give: Give = Give.SCORES) -> SegmentResult:
    (result,) = analysed(path, DEFAULT if give is Give.SCORES else SERVICE, give=give)
    return result


def result_of_whole(path: Path, give: Give = Give.SCORES) -> SegmentResult:
    """The same where every photo is decoded whole."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("workers.video.source.read_photo", lambda path, form, _: read_photo(path, form))
        return result_of(path, give)


@pytest.mark.parametrize(
    ("size", "enough_px", "expected"),
    [
        ((2400, 1600), 640, (1200, 800)),
        ((2600, 1000), 640, (650, 250)),
        ((2401, 1603), 600, (601, 401)),
        ((5200, 400), 640, (650, 50)),
        ((2400, 1600), 1201, (2400, 1600)),
        ((2400, 1600), math.inf, (2400, 1600)),
        ((1600, 1250), 640, (1600, 1250)),
    ],
)
@pytest.mark.parametrize("progressive", [False, True])
def test_a_large_jpeg_comes_with_as_few_pixels_as_are_enough(
    size: tuple[int, int], enough_px: float, expected: tuple[int, int], progressive: bool, tmp_path: Path
) -> None:
    path = saved(tmp_path / "large.jpg", scene(*size, (0, 0, 300)), progressive=progressive)
    pixels = read(path, enough_px)
    assert (pixels.shape[1], pixels.shape[0]) == expected
    averaged = cv2.resize(read(path, math.inf), expected, interpolation=cv2.INTER_AREA)
    assert np.abs(pixels.astype(int) - averaged).mean() < 1


def test_other_formats_come_whole(tmp_path: Path) -> None:
    stills.image(scene(2400, 1600)).save(tmp_path / "large.png")
    assert read(tmp_path / "large.png", 640).shape == (1600, 2400, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_faces_lie_where_they_lie_in_the_whole_photo_however_it_is_turned(orientation: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "turned.jpg", upside(scene(2603, 1805, (900, 200, 1500)), orientation), orientation)
    (expected,) = result_of_whole(path).frames[0].faces
    (face,) = result_of(path).frames[0].faces
    edges = [(getattr(one, name) for name in ("box_x", "box_y", "box_width", "box_height")) for one in (face, expected)]
    # The detector's own noise: its boxes and landmarks move by as much where the picture moves by a pixel.
    assert list(edges[0]) == pytest.approx(list(edges[1]), abs=0.03 * expected.box_height)
    assert face.landmarks == pytest.approx(expected.landmarks, abs=0.06 * expected.box_height)
    assert face.scores == pytest.approx(expected.scores, abs=0.05)


def upside(picture: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """As a camera stores a scene that its metadata say how to turn: the inverse of Exif's table."""
    turned = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: picture.transpose(1, 0, 2)[::-1],
        7: picture[::-1, ::-1].transpose(1, 0, 2),
        8: picture.transpose(1, 0, 2)[:, ::-1],
    }
    return np.ascontiguousarray(turned[orientation])


def test_a_small_face_is_cut_from_as_many_pixels_as_a_whole_photo_gives_it(
    tmp_path: Path,
) -> None:
    path = saved(tmp_path / "group.jpg", scene(3000, 2000, (200, 200, 380), (1500, 300, 1400)))
    expected = result_of_whole(path, Give.GRAY)
    result = result_of(path, Give.GRAY)
    assert len(result.frames[0].faces) == 2
    assert result.crops is not None
    assert expected.crops is not None
    for crop, whole_crop in zip(result.crops, expected.crops, strict=True):
        assert np.abs(crop.astype(int) - whole_crop).mean() < 8
        assert detail(crop) > 0.85 * detail(whole_crop)


def detail(crop: NDArray[np.uint8]) -> float:
    return float(cv2.Laplacian(crop, cv2.CV_32F).std())


def test_what_is_cut_out_for_a_service_has_all_the_detail_that_it_sees(tmp_path: Path) -> None:
    path = saved(tmp_path / "one.jpg", scene(3000, 2000, (800, 300, 700)))
    (cutout,), (expected,) = result_of(path, Give.CROPS).cutouts, result_of_whole(path, Give.CROPS).cutouts
    assert min(cutout.pixels.shape[:2]) >= SHEET_PX
    size = (SHEET_PX, SHEET_PX)
    seen, whole = (cv2.resize(one.pixels, size, interpolation=cv2.INTER_AREA) for one in (cutout, expected))
    assert np.abs(seen.astype(int) - whole).mean() < 8
    assert detail(seen) > 0.85 * detail(whole)
    share = cutout.face_xywh[3] / cutout.pixels.shape[0]
    assert share == pytest.approx(expected.face_xywh[3] / expected.pixels.shape[0], rel=0.05)


def test_faces_are_dropped_by_their_size_in_the_photo_not_in_what_was_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path / "one.jpg", scene(3000, 2000, (800, 300, 700)))
    height = result_of(path).frames[0].faces[0].box_height
    for least, found in ((height - 20, (1, 0)), (height + 20, (0, 1))):
        analysis = dataclasses.replace(DEFAULT, detector=DetectorSpec(min_face=round(least)))
        (frame,) = analysed(path, analysis)[0].frames
        assert (len(frame.faces), frame.faces_dropped) == found


@pytest.mark.parametrize(
    ("most", "asked"), [(4.0, []), (5.0, []), (3.9, [4000 / 3.9]), (1.0, [4000.0]), (0.3, [4000.0])]
)
def test_a_picture_is_read_again_where_its_scale_is_too_coarse(most: float, asked: list[float]) -> None:
    heard: list[float] = []

    def read_again(enough_px: float) -> Picture:
        heard.append(enough_px)
        return Picture(0, 0.0, FrameStatus.OK, np.zeros((3, 4, 3), np.uint8))

    coarse = Picture(0, 0.0, FrameStatus.OK, np.zeros((750, 1000, 3), np.uint8), (4.0, 4.0), read_again)
    assert (coarse.at_scale(most) is coarse) == (not asked)
    assert heard == pytest.approx(asked)


def test_a_picture_that_has_no_more_pixels_is_taken_as_it_is() -> None:
    small = Picture(0, 0.0, FrameStatus.OK, np.zeros((75, 100, 3), np.uint8))
    assert small.at_scale(0.1) is small


def test_a_photo_that_is_cut_off_is_told_so_at_any_scale(tmp_path: Path) -> None:
    path = saved(tmp_path / "cut.jpg", scene(3000, 2000, (800, 300, 700)))
    path.write_bytes(path.read_bytes()[:-20_000])
    assert stills.form_of(path) == JPEG
    for enough_px in (640, math.inf):
        with pytest.raises(photos.MediaError) as refused:
            read(path, enough_px)
        assert refused.value.problem.code == "media.truncated"
