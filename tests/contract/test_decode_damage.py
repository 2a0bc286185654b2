"""Damage in the middle of a video: no crash, and a row for every frame that was asked for."""

from pathlib import Path

import numpy as np
import pytest

from db.states import FrameStatus
from tests.clips import Clip, make, remux, sound, written
from tests.support.video import EVERY, read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


@pytest.fixture(scope="module")
def usual(folder: Path) -> Path:
    return make(Clip("usual.mp4"), folder)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("flips.mp4", "libx264"),
        ("flips-hevc.mp4", "libx265"),
        ("flips-vp9.mp4", "libvpx-vp9"),
        ("flips-av1.mp4", "libsvtav1"),
        ("flips-mpeg4.mp4", "mpeg4"),
        ("flips-mjpeg.mov", "mjpeg"),
        ("flips.avi", "libx264"),
    ],
)
def test_flipped_bits_in_the_middle_cost_no_row(name: str, codec: str, folder: Path) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    whole = make(Clip(name, codec, pixel_format=pixels), folder)
    wanted = [picture.pts for picture in read(whole, EVERY).pictures]
    content = whole.read_bytes()
    first, last = content.index(b"movi") if name.endswith("avi") else content.index(b"mdat"), len(content)
    statuses: set[FrameStatus] = set()
    for seed in range(6):
        random = np.random.default_rng(seed)
        damaged = bytearray(content)
        for at in random.integers(first + (last - first) // 3, first + (last - first) * 2 // 3, 6 * 4**seed % 300):
            damaged[at] ^= 1 << random.integers(0, 8)
        reading = read(written(folder / f"damaged-{name}", bytes(damaged)), EVERY)
        if reading.facts.container in ("mp4", "mov"):
            assert [picture.pts for picture in reading.pictures] == wanted
        assert all((picture.pixels is None) == (picture.status is FrameStatus.MISSING) for picture in reading.pictures)
        statuses |= {picture.status for picture in reading.pictures}
    assert FrameStatus.OK in statuses
    if codec not in ("libx265", "libvpx-vp9"):  # whose decoders conceal without a word
        assert statuses - {FrameStatus.OK}


@pytest.mark.parametrize(
    ("name", "codec"), [("flips.mkv", "libx264"), ("flips.ts", "libx264"), ("flips.webm", "libvpx-vp9")]
)
def test_flipped_bits_in_a_container_without_an_index_crash_nothing(name: str, codec: str, folder: Path) -> None:
    content = make(Clip(name, codec), folder).read_bytes()
    for seed in range(9):
        random = np.random.default_rng(seed)
        damaged = bytearray(content)
        for at in random.integers(len(content) // 5, len(content), 40):
            damaged[at] ^= 1 << random.integers(0, 8)
        reading = read(written(folder / f"damaged-{name}", bytes(damaged)), EVERY)
        assert len(reading.pictures) == reading.facts.frame_count > 20


def test_a_stream_that_appears_on_the_way_is_no_error(folder: Path, usual: Path) -> None:
    """Broadcast recordings announce further streams as they come."""
    first = remux(usual, folder / "video.ts")
    both = first.read_bytes() + sound(folder / "announced.ts").read_bytes()
    reading = read(written(folder / "appears.ts", both), EVERY)
    assert len(reading.pictures) == 75
