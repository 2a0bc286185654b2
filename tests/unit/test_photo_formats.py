"""Photos of every format: the pixels that an independent reader gives, or those that went in."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.support import stills
from tests.support.stills import image, read, scene
from workers.errors import MediaError

pillow_heif.register_heif_opener(thumbnails=False)

SOFT = 6.0
"""Mean difference, of 255, that a lossy codec is allowed on the scene."""


def opencv(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.astype(np.uint8, copy=False)


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    assert one.shape == other.shape
    assert one.dtype == other.dtype == np.uint8
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


LOSSLESS: list[tuple[str, dict[str, Any]]] = [
    ("plain.png", {}),
    ("plain.bmp", {}),
    ("plain.tif", {}),
    ("lzw.tif", {"compression": "tiff_lzw"}),
    ("deflate.tif", {"compression": "tiff_adobe_deflate"}),
    ("packbits.tif", {"compression": "packbits"}),
    ("lossless.webp", {"lossless": True}),
]
LOSSY: list[tuple[str, dict[str, Any]]] = [
    ("plain.jpg", {"quality": 90}),
    ("progressive.jpg", {"quality": 90, "progressive": True}),
    ("restarts.jpg", {"quality": 90, "restart_marker_rows": 1}),
    ("lossy.webp", {"quality": 90}),
    ("plain.avif", {"quality": 90}),
    ("plain.heic", {"quality": 90}),
]


@pytest.mark.parametrize(("name", "options"), LOSSLESS, ids=[name for name, _ in LOSSLESS])
def test_lossless_photos_give_the_pixels_that_went_in(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = tmp_path / name
    image().save(path, **options)
    assert np.array_equal(read(path), scene())
    assert np.array_equal(read(path), opencv(path))


@pytest.mark.parametrize(("name", "options"), LOSSY, ids=[name for name, _ in LOSSY])
def test_lossy_photos_give_nearly_the_pixels_that_went_in(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = tmp_path / name
    image().save(path, **options)
    assert distance(read(path), scene()) < SOFT
    facts = stills.probe(path)
    assert (facts.width, facts.height, facts.rotation) == (stills.WIDTH, stills.HEIGHT, 0)
    if path.suffix == ".jpg":
        assert distance(read(path), opencv(path)) < 1.0


@pytest.mark.parametrize("mode", ["L", "CMYK", "1"])
@pytest.mark.parametrize("ending", ["jpg", "tif", "png"])
def test_photos_of_other_colour_models_are_read_as_colour(tmp_path: Path, mode: str, ending: str) -> None:
    if (mode, ending) in (("CMYK", "png"), ("1", "jpg")):
        pytest.skip("there is no such file")
    path = tmp_path / f"it.{ending}"
    converted = image().convert(mode)
    converted.save(path)
    truth = np.asarray(converted.convert("RGB"))[:, :, ::-1]
    assert distance(read(path), np.ascontiguousarray(truth)) < (SOFT if ending == "jpg" else 0.5)


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
@pytest.mark.parametrize("gray", [False, True])
def test_sixteen_bits_a_channel_are_scaled_to_eight(tmp_path: Path, name: str, gray: bool) -> None:
    path = tmp_path / name
    stored = scene()[:, :, 1] if gray else scene()
    cv2.imwrite(str(path), stored.astype(np.uint16) * 257)
    truth = np.repeat(stored[:, :, None], 3, axis=2) if gray else stored
    assert np.array_equal(read(path), truth)


def test_big_endian_gray_tiff_is_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "big.tif"
    deep = Image.fromarray((scene()[:, :, 1].astype(np.uint16) * 257).astype(">u2"))
    assert deep.mode == "I;16B"
    deep.save(path)
    assert np.array_equal(read(path)[:, :, 0], scene()[:, :, 1])


def test_floating_gray_is_stretched_over_its_range(tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    Image.fromarray(np.linspace(-3, 7, 64 * 96, dtype=np.float32).reshape(64, 96)).save(path)
    gray = read(path)[:, :, 0]
    assert (gray.min(), gray.max()) == (0, 255)
    assert np.all(np.diff(gray.ravel().astype(int)) >= 0)


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    image().quantize(64).save(path)
    assert np.array_equal(read(path), opencv(path))


def test_interlaced_png_is_put_together(tmp_path: Path) -> None:
    """Adam7 by hand, for no encoder at hand writes it: seven small pictures, one after the other."""
    gray = scene()[:, :, 1]
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = b"".join(b"\x00" + row.tobytes() for y, x, dy, dx in passes for row in gray[y::dy, x::dx])
    raw = bytearray(stills.png(stills.WIDTH, stills.HEIGHT, rows))
    raw[28] = 1
    raw[29:33] = stills.zlib.crc32(raw[12:29]).to_bytes(4)
    path = tmp_path / "interlaced.png"
    path.write_bytes(raw)
    assert np.array_equal(read(path), np.repeat(gray[:, :, None], 3, axis=2))
    assert np.array_equal(read(path), opencv(path))


@pytest.mark.parametrize("name", ["half.png", "half.webp", "half.tif", "half.avif", "half.heic"])
def test_transparency_lies_over_white(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    sheer = image().convert("RGBA")
    sheer.putalpha(128)
    sheer.save(path, **({"lossless": True} if name.endswith("webp") else {}))
    truth = 255 - (255 - scene().astype(np.float64)) * 128 / 255
    assert distance(read(path), truth.round().astype(np.uint8)) < (SOFT if name[-4:] in ("avif", "heic") else 1.0)


def test_a_transparent_palette_entry_lies_over_white(tmp_path: Path) -> None:
    path = tmp_path / "sheer.png"
    flat = Image.new("P", (4, 4), 0)
    flat.putpalette([10, 20, 30, 40, 50, 60])
    flat.putpixel((1, 0), 1)
    flat.save(path, transparency=0)
    assert read(path)[0, :2].tolist() == [[255, 255, 255], [60, 50, 40]]


@pytest.mark.parametrize("name", ["moving.webp", "moving.avif", "pages.tif", "two.heic", "moving.png", "pair.jpg"])
def test_of_many_pictures_the_first_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    options = {"format": "MPO"} if name == "pair.jpg" else {}
    second = Image.new("RGB", (stills.WIDTH, stills.HEIGHT), "red")
    image().save(path, save_all=True, append_images=[second], **options)
    assert distance(read(path), scene()) < SOFT


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "tif", "avif", "heic"])
def test_a_photo_of_one_pixel_is_a_photo(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"one.{ending}"
    Image.new("RGB", (1, 1), (10, 100, 200)).save(path)
    facts = stills.probe(path)
    assert (facts.width, facts.height) == (1, 1)
    assert distance(read(path), np.array([[[200, 100, 10]]], np.uint8)) < SOFT


def test_many_bands_make_the_same_picture_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "it.png"
    sheer = image().convert("RGBA")
    sheer.putalpha(100)
    sheer.save(path)
    whole = read(path)
    monkeypatch.setattr("workers.video.photo_pixels.BAND_PIXELS", 5 * stills.WIDTH)
    assert np.array_equal(read(path), whole)


def test_a_variant_that_no_reader_knows_is_called_damaged_not_crashed(tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    cv2.imwrite(str(path), scene().astype(np.float32) / 255)
    with pytest.raises(MediaError) as caught:
        read(path)
    assert caught.value.problem.code == "media.corrupt"
    assert "TIFF" in caught.value.problem.reason
