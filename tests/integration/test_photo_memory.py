"""The largest photos that are allowed, in a real child with its real limits: each is analysed, none outgrows them."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from tests.support import stills
from tests.support.segments import works
from workers.limits import ChildLimits
from workers.messages import AnalyseBatch, Analysed
from workers.process import ChildProcess
from workers.video.problems import MAX_PHOTO_PIXELS

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
    (work,) = works(path)
    with ChildProcess(ChildLimits(), "cpu") as child:
        child.wait_ready()
        replies = list(child.ask(AnalyseBatch((work,))))
    assert isinstance(replies[-1], Analysed), replies[-1]
    assert len(replies[-1].result.frames) == 1


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
