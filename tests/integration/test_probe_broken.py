"""Files that are broken or no video at all: each has a code, a reason and a hint, and costs nothing else."""

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import Clip, decode_fully, identity, make, number_of, remux, sound, written
from tests.support.video import EVERY, analysis, code_of, probed, read
from workers.errors import MediaError
from workers.messages import ProbeWork
from workers.video.probe import probe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("broken")


@pytest.fixture(scope="module")
def usual(folder: Path) -> Path:
    return make(Clip("usual.mp4"), folder)


# Truncation: what came before the cut is kept, and the file says that it is not whole.


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.97])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("cut.mp4", "libx264"),
        ("cut.mov", "libx265"),
        ("cut.mkv", "libx264"),
        ("cut.webm", "libvpx-vp9"),
        ("cut.avi", "mjpeg"),
        ("cut2.avi", "libx264"),
        ("cut.ts", "libx264"),
        ("fragments.mp4", "libx264"),
    ],
)
def test_a_truncated_video_keeps_the_frames_before_the_cut(name: str, codec: str, kept: float, folder: Path) -> None:
    fragments = {"movflags": "frag_keyframe+empty_moov"} if name.startswith("frag") else {}
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    whole = make(Clip(name, codec, muxer=fragments, pixel_format=pixels), folder)
    content = whole.read_bytes()
    path = written(folder / f"{kept}-{name}", content[: int(len(content) * kept)])
    reading = read(path, EVERY)
    assert reading.facts.partial is not None
    assert reading.facts.partial.code == "media.truncated"
    index_only = name == "cut2.avi" and kept == 0.97  # AVI's index comes last, and no frame needs it
    assert 75 * (kept - 0.25) < len(reading.pictures) < 75 + index_only
    shown = {number_of(pixels): pixels for _, pixels in decode_fully(whole)}
    good = [pixels for _, pixels in reading.frames]
    if not name.endswith(".ts"):  # nothing in a transport stream tells that the last frame is incomplete
        assert all(np.array_equal(pixels, shown[number_of(pixels)]) for pixels in good)
    assert all(np.array_equal(pixels, shown[number_of(pixels)]) for pixels in good[:-4])
    assert len({number_of(pixels) for pixels in good}) == len(good)


def test_a_whole_file_is_not_called_partial_for_being_edited_or_streamed(usual: Path, folder: Path) -> None:
    shortened = remux(usual, folder / "shortened.mp4", -16 * 720)
    live = make(Clip("live.mkv", muxer={"live": "1"}), folder)
    for path in (usual, shortened, live):
        facts = probed(path).facts
        assert facts is not None
        assert facts.partial is None


@pytest.mark.parametrize("kept", [0.2, 0.5])
def test_an_mp4_whose_index_was_never_written_says_so(kept: float, usual: Path, folder: Path) -> None:
    content = remux(usual, folder / "index-last.mp4").read_bytes()
    assert code_of(written(folder / "no-index.mp4", content[: int(len(content) * kept)])) == "media.missing_moov"


def test_a_cut_through_the_index_is_a_truncation(usual: Path, folder: Path) -> None:
    content = usual.read_bytes()
    assert code_of(written(folder / "half-index.mp4", content[: content.index(b"moov") + 99])) == "media.truncated"


def test_a_cut_before_the_first_frame_is_a_truncation(usual: Path, folder: Path) -> None:
    content = usual.read_bytes()
    assert code_of(written(folder / "no-frame.mp4", content[: content.index(b"mdat") + 4])) == "media.truncated"


# No video in it.


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_sound_alone_is_no_video(suffix: str, folder: Path) -> None:
    assert code_of(sound(folder / f"sound.{suffix}")) == "media.audio_only"


def test_a_container_without_any_stream_of_pictures_says_so(folder: Path) -> None:
    unknown = make(Clip("unknown.ts", "libvpx-vp9", frames=5), folder)  # a transport stream has no name for VP9
    assert code_of(unknown) == "media.no_video_stream"


@pytest.mark.parametrize(
    ("codec", "suffix", "pixels"),
    [
        ("ffv1", "mkv", "yuv420p"),
        ("wmv2", "avi", "yuv420p"),
        ("prores_ks", "mov", "yuv422p10le"),
        ("png", "mov", "rgb24"),
    ],
)
def test_a_codec_that_we_do_not_read_is_named(codec: str, suffix: str, pixels: str, folder: Path) -> None:
    path = make(Clip(f"{codec}.{suffix}", codec, frames=3, b_frames=0, pixel_format=pixels), folder)
    assert code_of(path) == "media.unsupported_codec"


@pytest.mark.parametrize(("codec", "suffix"), [("wmv2", "asf"), ("flv", "flv"), ("mpeg2video", "mpg")])
def test_a_container_that_we_do_not_read_is_named(codec: str, suffix: str, folder: Path) -> None:
    path = make(Clip(f"other.{suffix}", codec, frames=3, b_frames=0), folder)
    assert code_of(path) == "media.unsupported_container"


def test_no_bytes_at_all(folder: Path) -> None:
    assert code_of(written(folder / "empty.mp4", b"")) == "media.empty"


@pytest.mark.parametrize("content", [b"not a video\n" * 99, bytes(range(256)) * 9, b"\x00" * 5000, b"{}", b"G" * 100])
def test_what_is_no_media_is_none_whatever_its_name(content: bytes, folder: Path) -> None:
    assert probed(written(folder / "notes.mp4", content)).facts is None


NOISE = np.random.default_rng(3).integers(0, 256, 20_000, np.uint8).tobytes()


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x00\x00\x18ftypisom" + NOISE,
        b"\x1a\x45\xdf\xa3webm" + NOISE,
        b"RIFF\x00\x00\x00\x00AVI LIST" + NOISE,
        b"".join(b"\x47" + NOISE[at : at + 187] for at in range(0, 18_700, 187)),
    ],
    ids=["mp4", "webm", "avi", "ts"],
)
def test_noise_behind_a_videos_first_bytes_is_damage(content: bytes, folder: Path) -> None:
    assert code_of(written(folder / "noise.bin", content)) in (
        "media.corrupt",
        "media.missing_moov",
        "media.no_video_stream",
    )


def test_pictures_too_large_to_hold_are_refused(folder: Path) -> None:
    path = folder / "huge.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=1)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 8192, 4800, "yuvj420p"
        output.mux(stream.encode(av.VideoFrame(8192, 4800, "yuvj420p")))
        output.mux(stream.encode(None))
    assert code_of(path) == "media.too_large"


def test_a_pixel_aspect_that_would_blow_the_picture_up_is_refused(folder: Path) -> None:
    clip = Clip("aspect.mp4", "mjpeg", frames=2, pixel_format="yuvj420p", aspect=Fraction(4, 3))
    hostile = bytearray(make(clip, folder).read_bytes())
    at = hostile.index(b"pasp") + 4
    hostile[at : at + 8] = (60_000).to_bytes(4) + (1).to_bytes(4)
    assert code_of(written(folder / "stretched.mp4", bytes(hostile))) == "media.too_large"


def test_a_file_that_may_not_be_read(usual: Path, folder: Path) -> None:
    path = written(folder / "secret.mp4", usual.read_bytes())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert code_of(path) == "media.unreadable"


def test_a_file_that_changes_while_it_is_read(usual: Path, folder: Path) -> None:
    path = written(folder / "changing.mp4", usual.read_bytes())
    before = identity(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(MediaError) as caught:
        probe(ProbeWork(before, analysis(EVERY)))
    assert caught.value.problem.code == "media.changed"
    path.unlink()
    with pytest.raises(MediaError) as caught:
        probe(ProbeWork(before, analysis(EVERY)))
    assert caught.value.problem.code == "media.vanished"


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
@pytest.mark.parametrize("kept", [65, 129, 257, 513])
def test_a_matroska_file_cut_in_its_header_is_called_cut_short(suffix: str, kept: int, tmp_path: Path) -> None:
    """Its demuxer calls the end of the file an input/output error: no disk is to blame."""
    whole = make(Clip(f"whole{suffix}", "libvpx-vp9" if suffix == ".webm" else "libx264", frames=10), tmp_path)
    cut = written(tmp_path / f"cut{suffix}", whole.read_bytes()[:kept])
    assert code_of(cut) in ("media.truncated", "media.corrupt", "media.no_video_stream")


def test_a_box_that_leads_beyond_every_file_is_damage_and_no_fault_of_the_system(tmp_path: Path) -> None:
    data = bytearray(make(Clip("whole.mp4", frames=10), tmp_path).read_bytes())
    at = data.index(b"moov") - 4
    data[at:at] = b"\x00\x00\x00\x01free" + b"\xff" * 8
    assert code_of(written(tmp_path / "beyond.mp4", bytes(data))) in ("media.corrupt", "media.missing_moov")


def test_a_tiff_whose_pixels_lie_beyond_every_file_is_damage(tmp_path: Path) -> None:
    entries = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (279, 4, 1, 64)]
    far = struct.pack("<HHII", 273, 4, 1, 2**32 - 1)
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries) + far
    data = b"II*\0" + struct.pack("<IH", 8, len(entries) + 1) + directory + bytes(4)
    assert code_of(written(tmp_path / "beyond.tif", data)) in ("media.corrupt", "media.truncated")
