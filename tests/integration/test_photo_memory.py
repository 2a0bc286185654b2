"""The largest photos that are allowed, in a real child with its real limits: each is analysed, none outgrows them."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.support import stills
from tests.support.segments import works
from workers.errors import MediaError
from workers.failures import ChildOverMemory
from workers.limits import ChildLimits
from workers.messages import AnalyseBatch, Analysed, Failed
from workers.process import ChildProcess
from workers.video.photo import read_photo
from workers.video.problems import MAX_PHOTO_PIXELS
from workers.video.sniff import WEBP

SIDE = 10_000


def large() -> Image.Image:
    """The scene at 100 megapixels."""
    small = cv2.resize(stills.scene(), (100, 100))
    return Image.fromarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)[:, :, ::-1].copy())


def sheer() -> Image.Image:
    picture = large().convert("RGBA")
    picture.putalpha(200)
    return picture


def deep_gray() -> Image.Image:
    return Image.fromarray(np.asarray(large())[:, :, 0].astype(np.uint16) * 257)


def assert_fits(path: Path) -> None:
    assert SIDE * SIDE == MAX_PHOTO_PIXELS
    analysed = asked_with(ChildLimits(), path)
    assert isinstance(analysed, Analysed), analysed
    assert len(analysed.result.frames) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "make", "options"),
    [
        ("baseline.jpg", large, {"quality": 50}),
        ("progressive.jpg", large, {"progressive": True, "subsampling": 0}),
        ("cmyk.jpg", lambda: large().convert("CMYK"), {}),
        ("sheer.png", sheer, {"compress_level": 1}),
        ("deep.png", deep_gray, {"compress_level": 1}),
        ("float.tif", lambda: Image.fromarray(np.asarray(large())[:, :, 0].astype(np.float32)), {}),
        ("sheer.webp", sheer, {"quality": 30, "method": 0}),
        ("large.avif", large, {"speed": 10}),
        ("large.heic", large, {"quality": 30}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hundred_megapixels_of_any_kind_fit_into_a_child(
    tmp_path: Path, name: str, make: Callable[[], Image.Image], options: dict[str, object]
) -> None:
    pillow_heif.register_heif_opener(thumbnails=False)
    path = tmp_path / name
    make().save(path, exif=stills.exif(6), **options)
    assert_fits(path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lossy.webp", {"quality": 10, "method": 0}),
        ("lossless.webp", {"lossless": True, "quality": 0, "method": 0}),
        ("large.avif", {"quality": 10, "speed": 10}),
        ("large.heic", {"quality": 10}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sound_photo_for_which_there_is_no_memory_is_not_called_damaged(
    tmp_path: Path, name: str, options: dict[str, object]
) -> None:
    pillow_heif.register_heif_opener(thumbnails=False)
    path = tmp_path / name
    Image.new("RGB", (7000, 7000), (9, 99, 199)).save(path, **options)
    for megabytes in (150, 250, 350):  # each stops another allocation
        try:
            failed = asked_with(ChildLimits(memory_mb=megabytes), path)
        except ChildOverMemory:  # its parent saw it grow before the system refused
            continue
        assert isinstance(failed, Failed)
        assert (failed.problem.code, failed.problem.permanent) == ("child.memory", False)


def test_a_damaged_photo_is_called_damaged_where_there_is_memory(tmp_path: Path) -> None:
    path = tmp_path / "cut.webp"
    Image.new("RGB", (7000, 7000), (9, 99, 199)).save(path, quality=10, method=0)
    path.write_bytes(path.read_bytes()[:60_000])
    with pytest.raises(MediaError, match="cut short"):
        read_photo(os.fsencode(path), WEBP)


def asked_with(limits: ChildLimits, path: Path) -> object:
    """A child's last word about a photo."""
    (work,) = works(path)
    with ChildProcess(limits, "cpu") as child:
        child.wait_ready()
        return list(child.ask(AnalyseBatch((work,))))[-1]
