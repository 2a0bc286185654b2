"""On the shared media the numbers are those on record, and those that an independent path arrives at."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.golden.record import NAMES, golden_path, record
from workers.models.catalogue import card_of, path_of

BOX_PIXELS = 0.1
PROBABILITY = 1e-4
INDEPENDENT = 0.02
"""How far the independent path may be off: it samples the crop in another way. Measured: at most 0.015."""

Golden = dict[str, Any]


def golden(name: str) -> Golden:
    loaded: Golden = json.loads(golden_path(name).read_text("utf-8"))
    return loaded


def keys(record: Golden) -> Golden:
    """What must be equal to the last digit: facts, times, counts."""
    exact = ("pts", "time_s", "status", "faces_dropped")
    frames = [[frame[key] for key in exact] + [len(frame["faces"])] for frame in record["frames"]]
    return {"sha256": record["sha256"], "facts": record["facts"], "frames": frames}


def numbers(record: Golden, key: str) -> NDArray[np.float64]:
    return np.array([face[key] for frame in record["frames"] for face in frame["faces"]], np.float64)


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_are_those_on_record(shared_media: Path, name: str) -> None:
    expected, found = golden(name), record(shared_media / name)
    assert keys(found) == keys(expected)
    np.testing.assert_allclose(numbers(found, "box"), numbers(expected, "box"), rtol=0, atol=BOX_PIXELS)
    np.testing.assert_allclose(numbers(found, "landmarks"), numbers(expected, "landmarks"), rtol=0, atol=BOX_PIXELS)
    np.testing.assert_allclose(numbers(found, "confidence"), numbers(expected, "confidence"), rtol=0, atol=PROBABILITY)
    np.testing.assert_allclose(numbers(found, "scores"), numbers(expected, "scores"), rtol=0, atol=PROBABILITY)


def independent_crop(picture: NDArray[np.uint8], face: Golden) -> NDArray[np.float64]:
    """The crop by its definition alone: gray, and 8 x 8 bilinear samples averaged for each of its pixels."""
    gray = picture @ np.array([0.114, 0.587, 0.299])
    x, y, width, height = face["box"]
    eye_x, eye_y, other_x, other_y = face["landmarks"][:4]
    angle = math.atan2(other_y - eye_y, other_x - eye_x)
    down, right = height * ((np.mgrid[0:512, 0:512] + 0.5) / 512 - 0.5)
    at_x = x + width / 2 + math.cos(angle) * right - math.sin(angle) * down - 0.5
    at_y = y + height / 2 + math.sin(angle) * right + math.cos(angle) * down - 0.5
    samples = bilinear(gray, at_x, at_y)
    return samples.reshape(64, 8, 64, 8).mean(axis=(1, 3))


def bilinear(gray: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gray at fractional places; what lies outside repeats the border."""
    height, width = gray.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    part_x, part_y = x - left, y - top
    upper = gray[top, left] * (1 - part_x) + gray[top, left + 1] * part_x
    lower = gray[top + 1, left] * (1 - part_x) + gray[top + 1, left + 1] * part_x
    return upper * (1 - part_y) + lower * part_y


def every_picture(path: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """PTS and pixels of every frame by a plain decode of the whole file, or of the photo."""
    if path.suffix == ".jpg":
        photo = cv2.imread(str(path))
        assert photo is not None
        yield 0, photo.astype(np.uint8, copy=False)
        return
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            yield frame.pts, frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "no_face.mp4"])
def test_an_independent_path_arrives_at_the_same_scores(shared_media: Path, name: str) -> None:
    """A full decode, a crop from the definition, the model by hand: nothing of workers/ but where the file lies."""
    session = onnxruntime.InferenceSession(str(path_of(card_of("ferplus"))), providers=["CPUExecutionProvider"])
    recorded = {frame["pts"]: frame["faces"] for frame in golden(name)["frames"][:6]}
    compared = 0
    for pts, picture in every_picture(shared_media / name):
        for face in recorded.pop(pts, ()):
            crop = independent_crop(picture, face)
            (logits,) = session.run(None, {"faces": crop[None, None].astype(np.float32)})
            powers = np.exp(logits[0].astype(np.float64))
            np.testing.assert_allclose(powers / powers.sum(), face["scores"], rtol=0, atol=INDEPENDENT)
            compared += 1
        if not recorded:
            break
    assert not recorded, "a frame on record is not in the file"
    assert compared


def test_the_times_on_record_are_those_of_the_file(shared_media: Path) -> None:
    """face_noface.mov has a variable frame rate: PTS less the container's start, to the microsecond."""
    path = shared_media / "face_noface.mov"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        start_s = (container.start_time or 0) / 1_000_000
        times = {
            packet.pts: float(packet.pts * stream.time_base) - start_s
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        }
    for frame in golden("face_noface.mov")["frames"]:
        assert abs(frame["time_s"] - times[frame["pts"]]) < 1e-6


def test_the_records_hold_numbers_only() -> None:
    for name in NAMES:
        assert golden_path(name).stat().st_size < 50_000
        assert golden(name)["frames"]
