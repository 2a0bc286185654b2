"""How recall is counted, and that photos drawn for it hold the faces that they are said to hold."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.portraits import Found, composed, iou, labelled, matched
from workers.analysis import DetectorSpec
from workers.detection.yunet import YuNet

FACE = (10.0, 10.0, 20.0, 20.0)


def test_overlap_is_the_common_area_in_that_of_both() -> None:
    assert iou(FACE, FACE) == pytest.approx(1)
    assert iou(FACE, (20.0, 10.0, 20.0, 20.0)) == pytest.approx(1 / 3)
    assert iou(FACE, (30.0, 10.0, 20.0, 20.0)) == 0
    assert iou(FACE, (10.0, 10.0, 0.0, 0.0)) == 0


def test_each_face_is_hit_once_and_each_box_hits_once() -> None:
    near = (12.0, 10.0, 20.0, 20.0)
    assert matched([FACE], [FACE, near]) == Found(1, 1, 1)
    assert matched([FACE, (100.0, 100.0, 20.0, 20.0)], [near]) == Found(2, 1, 0)
    assert matched([], [FACE]) == Found(0, 0, 1)
    assert matched([FACE, near], [FACE]) == Found(2, 1, 0)
    assert (Found(2, 1, 3) + Found(2, 2, 0)).recall == 0.75


def test_drawn_photos_hold_their_faces() -> None:
    total = Found(0, 0, 0)
    with YuNet(DetectorSpec(), "cpu") as detector:
        for photo in composed(10, seed=5):
            said = [(one.x, one.y, one.width, one.height) for one in detector.detect(photo.pixels)]
            total += matched(photo.boxes, said)
    assert total.faces == 30
    assert total.recall > 0.8
    assert total.false < 3


def test_a_folder_of_ones_own_is_read_with_its_labels(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "labels.csv").write_text("a.png,1,2,3,4\na.png,5,6,7,8\nb.png,,,,\n")
    assert [photo.boxes for photo in labelled(tmp_path, tmp_path / "labels.csv")] == [[(1, 2, 3, 4), (5, 6, 7, 8)], []]
