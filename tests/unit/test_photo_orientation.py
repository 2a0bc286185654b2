"""Photos taken with the camera on its side or mirrored: all eight EXIF orientations, as a person sees them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray

from tests.support import stills
from tests.support.stills import image, read, scene

pillow_heif.register_heif_opener(thumbnails=False)

Picture = NDArray[np.uint8]

# How an upright picture is stored under each orientation, by what row 0 and column 0 are (Exif 2.32, tag 274).
STORED: dict[int, Callable[[Picture], Picture]] = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p[:, ::-1].transpose(1, 0, 2),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: p[::-1].transpose(1, 0, 2),
}
CLOCKWISE = {1: 0, 2: 0, 3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["it.png", "it.tif", "lzw.tif", "it.webp"])
def test_lossless_photos_are_upright_to_the_pixel(tmp_path: Path, name: str, turn: int) -> None:
    path = tmp_path / name
    options = {"lzw.tif": {"compression": "tiff_lzw"}, "it.webp": {"lossless": True}}.get(name, {})
    image(STORED[turn](scene())).save(path, exif=stills.exif(turn), **options)
    assert np.array_equal(read(path), scene())
    assert_facts(path, CLOCKWISE[turn])


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["it.jpg", "it.avif"])
def test_lossy_photos_are_upright(tmp_path: Path, name: str, turn: int) -> None:
    path = tmp_path / name
    image(STORED[turn](scene())).save(path, exif=stills.exif(turn), quality=95)
    assert np.abs(read(path).astype(int) - scene()).mean() < 6
    assert_facts(path, CLOCKWISE[turn])


@pytest.mark.parametrize("turn", range(1, 9))
def test_opencv_turns_a_jpeg_alike(tmp_path: Path, turn: int) -> None:
    path = tmp_path / "it.jpg"
    image(STORED[turn](scene())).save(path, exif=stills.exif(turn), quality=95)
    theirs = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert theirs is not None
    assert np.abs(read(path).astype(int) - theirs).mean() < 1


@pytest.mark.parametrize("turn", range(1, 9))
def test_heic_is_turned_by_its_own_properties(tmp_path: Path, turn: int) -> None:
    path = tmp_path / "it.heic"
    stored = image(STORED[turn](scene()))
    stored.info["exif"] = stills.exif(turn).tobytes()
    stored.save(path, quality=95)
    assert np.abs(read(path).astype(int) - scene()).mean() < 6
    assert_facts(path, rotation=0)  # its reader turns it: nothing is left for us


def assert_facts(path: Path, rotation: int) -> None:
    facts = stills.probe(path)
    assert (facts.width, facts.height, facts.rotation) == (stills.WIDTH, stills.HEIGHT, rotation)


@pytest.mark.parametrize("turn", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(tmp_path: Path, turn: int) -> None:
    path = tmp_path / "it.png"
    image().save(path, exif=stills.exif(turn))
    assert np.array_equal(read(path), scene())
    assert_facts(path, rotation=0)


@pytest.mark.parametrize(
    "damage", [b"", b"II*\x00", b"MM\x00*\xff\xff\xff\xff", b"\x00" * 40, b"II*\x00\x08\x00\x00\x00\xff\xff"]
)
def test_damaged_metadata_do_not_cost_the_photo(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "it.jpg"
    image().save(path, exif=b"Exif\x00\x00" + damage, quality=95)
    assert np.abs(read(path).astype(int) - scene()).mean() < 6
    assert_facts(path, rotation=0)
