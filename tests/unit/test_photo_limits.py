"""Photos that are too large, cut short, spoilt or of a kind we do not read: refused early, with a hint."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clips import identity
from tests.support import stills
from tests.support.stills import image
from workers.analysis import AnalysisSpec, DetectorSpec, ScorerSpec
from workers.errors import MediaError, WorkError
from workers.messages import ProbeWork
from workers.video.photo import probe_photo, read_photo
from workers.video.probe import probe
from workers.video.problems import MAX_PHOTO_PIXELS

pillow_heif.register_heif_opener(thumbnails=False)

ENDINGS = ("jpg", "png", "webp", "bmp", "tif", "avif", "heic")
PHOTOS = AnalysisSpec(None, DetectorSpec(), ScorerSpec())


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sound photo a format, and a few variants whose structure differs."""
    folder = tmp_path_factory.mktemp("samples")
    for ending in ENDINGS:
        image().save(folder / f"it.{ending}")
    image().save(folder / "progressive.jpg", progressive=True)
    image().save(folder / "lzw.tif", compression="tiff_lzw")
    sheer = image().convert("RGBA")
    sheer.putalpha(100)
    sheer.save(folder / "canvas.webp")
    return folder


SAMPLES = [*(f"it.{ending}" for ending in ENDINGS), "progressive.jpg", "lzw.tif", "canvas.webp"]


def refused(path: Path) -> MediaError:
    """The error that probing the file, or else reading it, ends in."""
    form = stills.form_of(path)
    with pytest.raises(MediaError) as caught:
        probe_photo(os.fsencode(path), form)
        read_photo(os.fsencode(path), form)
    problem = caught.value.problem
    assert problem.reason
    assert problem.hint
    assert problem.permanent
    return caught.value


@pytest.mark.parametrize("size", [(20000, 20000), (65535, 65535), (10001, 10000)])
@pytest.mark.parametrize("form", ["jpeg", "bmp", "tiff", "avif", "heic"])
def test_a_header_that_claims_too_much_is_refused_unread(
    samples: Path, tmp_path: Path, form: str, size: tuple[int, int]
) -> None:
    original = samples / f"it.{ {'jpeg': 'jpg', 'tiff': 'tif'}.get(form, form) }"
    path = tmp_path / original.name
    path.write_bytes(stills.resized_header(original.read_bytes(), form, *size))
    problem = refused(path).problem
    assert problem.code == "media.too_large"
    assert f"{size[0]} x {size[1]}" in problem.reason


@pytest.mark.parametrize("size", [(20000, 20000), (65535, 65535), (2**31 - 1, 2**31 - 1)])
def test_a_png_bomb_is_refused_unread(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(stills.png(*size, rows=bytes(10_000_000)))
    assert path.stat().st_size < 20_000
    tracemalloc.start()
    try:
        assert refused(path).problem.code == "media.too_large"
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_webp_canvas_that_claims_too_much_is_refused_unread(samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "canvas.webp"
    path.write_bytes(stills.resized_header((samples / "canvas.webp").read_bytes(), "webp", 16384, 16384))
    assert refused(path).problem.code == "media.too_large"


def test_the_limit_itself_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    path.write_bytes(stills.png(MAX_PHOTO_PIXELS, 1))
    assert stills.probe(path).width == MAX_PHOTO_PIXELS


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP"])
def test_a_compressed_comment_that_swells_is_no_danger(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "comment.png"
    swelling = b"a\x00\x00" + stills.zlib.compress(bytes(200_000_000), 9)
    path.write_bytes(stills.png(4, 4, rows=bytes(20), before=stills._chunk(kind, swelling)))
    tracemalloc.start()
    try:
        try:
            stills.read(path)
        except MediaError as error:
            assert error.problem.code == "media.corrupt"
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.97])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_photo_that_was_cut_short_is_called_so(samples: Path, tmp_path: Path, name: str, keep: float) -> None:
    raw = (samples / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(raw[: int(keep * len(raw))])
    assert refused(path).problem.code == "media.truncated"


@pytest.mark.parametrize("name", SAMPLES)
def test_a_photo_that_ends_in_its_header_is_cut_short(samples: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes((samples / name).read_bytes()[:32])
    assert refused(path).problem.code == "media.truncated"


@pytest.mark.parametrize("name", ["it.png", "lzw.tif", "canvas.webp", "it.heic"])
def test_a_photo_whose_middle_is_spoilt_is_called_damaged(samples: Path, tmp_path: Path, name: str) -> None:
    raw = bytearray((samples / name).read_bytes())
    random = np.random.default_rng(5)
    middle = slice(len(raw) // 3, len(raw) * 2 // 3)
    raw[middle] = random.integers(0, 256, middle.stop - middle.start, np.uint8).tobytes()
    path = tmp_path / name
    path.write_bytes(raw)
    assert refused(path).problem.code in ("media.corrupt", "media.truncated")


@settings(max_examples=150, derandomize=True, deadline=None)
@given(data=st.data())
def test_whatever_is_done_to_a_photo_the_outcome_is_pixels_or_an_error_of_ours(
    samples: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(SAMPLES))
    raw = bytearray((samples / name).read_bytes())
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)), max_size=12)):
        raw[at] = value
    path = samples / "spoilt"
    path.write_bytes(raw[: data.draw(st.integers(16, len(raw)))])
    try:
        result = probe(ProbeWork(identity(path), PHOTOS))
        if result.facts is not None and result.facts.kind == "photo":
            picture = stills.read(path)
            assert picture.dtype == np.uint8
            assert picture.shape == (result.facts.height, result.facts.width, 3)
    except WorkError as error:
        assert error.problem.code.startswith("media.")
        assert error.problem.hint


def test_a_gif_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "it.gif"
    image().save(path)
    with pytest.raises(MediaError) as caught:
        probe(ProbeWork(identity(path), PHOTOS))
    assert caught.value.problem.code == "media.unsupported_container"
    assert "GIF" in caught.value.problem.reason
    assert caught.value.problem.hint


def test_a_photo_that_vanished_is_called_so(samples: Path, tmp_path: Path) -> None:
    form = stills.form_of(samples / "it.jpg")
    with pytest.raises(MediaError) as caught:
        read_photo(os.fsencode(tmp_path / "gone.jpg"), form)
    assert caught.value.problem.code == "media.vanished"


def test_a_photo_named_like_a_pattern_is_just_a_name(samples: Path, tmp_path: Path) -> None:
    for name in (b"a %02d.png", b"two\nlines.png", b"not utf8 \xff\xfe.png", b"'quotes\" and spaces.png"):
        path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118  names are bytes
        with open(path, "wb") as stream:  # noqa: PTH123
            stream.write((samples / "it.png").read_bytes())
        assert read_photo(path, stills.form_of(samples / "it.png")).shape == (stills.HEIGHT, stills.WIDTH, 3)


def test_the_forced_reader_is_the_only_one_that_opens_a_file(samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "disguised.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n")
    with pytest.raises(MediaError):
        read_photo(os.fsencode(path), stills.form_of(samples / "it.png"))
