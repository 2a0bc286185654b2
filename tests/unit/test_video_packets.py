"""What is read from the bytes of packets and containers, on bytes that encoders wrote."""

import errno
from pathlib import Path

import av
import pytest

from tests.clips import X265_QUIET, Clip, make, written
from workers.video.extent import missing_bytes
from workers.video.layers import hevc_layer, is_vp8_reference, refreshes_gradually
from workers.video.problems import unreadable
from workers.video.sniff import sniff

LAYERED = {"preset": "medium", "x265-params": f"{X265_QUIET}:temporal-layers=3:bframes=4:b-adapt=0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packets")


def of_packets(path: Path, ask) -> list:
    with av.open(str(path)) as container:
        return [ask(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_temporal_layers_are_read_with_start_codes_and_with_lengths(suffix: str, folder: Path) -> None:
    layered = make(Clip(f"layers.{suffix}", "libx265", frames=30, options=LAYERED, b_frames=4), folder)
    assert set(of_packets(layered, hevc_layer)) == {0, 1, 2}
    flat = make(Clip(f"flat.{suffix}", "libx265", frames=30), folder)
    assert set(of_packets(flat, hevc_layer)) == {0}


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_a_gradual_refresh_is_told_from_a_key_frame(suffix: str, folder: Path) -> None:
    options = {"x264-params": "keyint=12:intra-refresh=1:bframes=0"}
    gradual = make(Clip(f"refresh.{suffix}", frames=40, options=options, b_frames=0), folder)
    keys = of_packets(gradual, lambda packet: (packet.is_keyframe, refreshes_gradually(packet)))
    assert [mark for mark in keys if mark[0]] == [(True, False), (True, True), (True, True), (True, True)]
    opened = make(Clip(f"open.{suffix}", frames=40, options={"x264-params": "open-gop=1:keyint=12"}), folder)
    assert not any(of_packets(opened, refreshes_gradually))


def test_vp8_says_which_frames_are_never_shown() -> None:
    shown, hidden = av.Packet(b"\x10\x00\x00"), av.Packet(b"\x00\x00\x00")
    assert not is_vp8_reference(shown)
    assert is_vp8_reference(hidden)


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"\x00\x00\x00\x00", b"\x00\x00\x01", b"\x00\x00\x00\x01\x06\x06\x05", b"\xff" * 40]
)
def test_half_a_packet_is_looked_at_without_harm(content: bytes) -> None:
    packet = av.Packet(content)
    assert hevc_layer(packet) in range(8)
    assert not refreshes_gradually(packet)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.ts", "libx264")]
)
@pytest.mark.parametrize("missing", [0, 1, 100])
def test_a_container_tells_how_many_bytes_are_missing(name: str, codec: str, missing: int, folder: Path) -> None:
    content = make(Clip(name, codec, frames=10), folder).read_bytes()
    form = sniff(content[:4096])
    assert form is not None
    path = written(folder / f"short-{name}", content[: len(content) - missing])
    assert missing_bytes(bytes(path), form) == missing


def test_a_container_that_was_never_closed_announces_nothing(folder: Path) -> None:
    path = make(Clip("live.mkv", frames=10, muxer={"live": "1"}), folder)
    form = sniff(path.read_bytes()[:4096])
    assert form is not None
    assert missing_bytes(bytes(path), form) == 0


def test_a_failing_disk_is_worth_another_try_and_a_refusal_is_not() -> None:
    assert not unreadable(OSError(errno.EIO, "Input/output error")).problem.permanent
    assert unreadable(PermissionError(errno.EACCES, "Permission denied")).problem.permanent
    assert unreadable(FileNotFoundError(errno.ENOENT, "No such file")).problem.code == "media.vanished"
