"""Clips made for the tests: every frame carries its number, so that a test can say which one it was given."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from db.records import FileIdentity

os.environ.setdefault("SVT_LOG", "0")  # the AV1 encoder would talk to stderr otherwise


@dataclass(frozen=True)
class Clip:
    """How to make one clip. `stamps_ms` are presentation times in milliseconds, one a frame."""

    name: str
    codec: str = "libx264"
    stamps_ms: tuple[int, ...] = ()
    frames: int = 75
    fps: int = 25
    gop: int = 12
    b_frames: int = 2
    size: tuple[int, int] = (160, 120)
    options: dict[str, str] = field(default_factory=dict)
    muxer: dict[str, str] = field(default_factory=dict)
    rotation: int = 0
    aspect: Fraction | None = None
    pixel_format: str = "yuv420p"
    first_number: int = 0
    """The number that the first frame carries."""

    @property
    def times_ms(self) -> Sequence[int]:
        return self.stamps_ms or [round(1000 * number / self.fps) for number in range(self.frames)]


def picture(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Frame `number`: its 16 bits as blocks along the top, over a texture that moves."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    base = 96 + 60 * np.sin((x + 3 * number) / 9.0) + 40 * np.sin((y - 2 * number) / 7.0)
    frame = np.repeat(np.clip(base, 16, 235).astype(np.uint8)[..., None], 3, axis=2)
    block = width // 16
    for bit in range(16):
        frame[: height // 5, bit * block : (bit + 1) * block] = 235 if number >> bit & 1 else 16
    return frame


def number_of(frame: NDArray[np.uint8]) -> int:
    """The number that `picture` wrote into a frame."""
    height, width = frame.shape[:2]
    block = width // 16
    row = frame[height // 10, :, 0]
    return sum(1 << bit for bit in range(16) if row[bit * block + block // 2] > 128)


def make(clip: Clip, folder: Path) -> Path:
    """Write the clip; made once, reused after."""
    path = folder / clip.name
    if path.exists():
        return path
    partial = path.with_name("making-" + path.name)
    with av.open(str(partial), "w", options=_container_options(path) | clip.muxer) as output:
        stream = output.add_stream(clip.codec, rate=clip.fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = clip.size
        stream.pix_fmt = clip.pixel_format
        context = stream.codec_context
        context.time_base = Fraction(1, clip.fps if clip.codec.startswith("mpeg") or path.suffix == ".avi" else 1000)
        context.gop_size = clip.gop
        if clip.codec in ("libx264", "libx265", "mpeg4", "mpeg2video"):
            context.max_b_frames = clip.b_frames
        if clip.aspect is not None:
            context.sample_aspect_ratio = clip.aspect
        context.options = _encoder_options(clip)
        if clip.rotation:
            stream.set_display_rotation(clip.rotation)
        for number, time_ms in enumerate(clip.times_ms):
            frame = av.VideoFrame.from_ndarray(picture(clip.first_number + number, clip.size), format="rgb24")
            frame.time_base = context.time_base
            frame.pts = time_ms if context.time_base.denominator == 1000 else number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    partial.rename(path)
    return path


def _container_options(path: Path) -> dict[str, str]:
    return {"movflags": "+faststart"} if path.suffix in (".mp4", ".mov") else {}


def _encoder_options(clip: Clip) -> dict[str, str]:
    defaults = {
        "libx264": {"preset": "veryfast", "crf": "20", "threads": "1"},
        "libx265": {"preset": "ultrafast", "crf": "20", "x265-params": X265_QUIET},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "20", "b": "0"},
        "libvpx": {"deadline": "realtime", "cpu-used": "8", "b": "1M"},
        "libsvtav1": {"preset": "12", "crf": "25", "svtav1-params": "lp=1"},
        "mpeg4": {"b": "2M"},
        "mjpeg": {"qmin": "3", "qmax": "5"},
    }
    return defaults.get(clip.codec, {}) | clip.options


X265_QUIET = "log-level=none:pools=1:frame-threads=1"


def remux(source: Path, target: Path, shift_ticks: int = 0, options: dict[str, str] | None = None) -> Path:
    """The same packets in another file, each `shift_ticks` of the source's time base later."""
    with av.open(str(source)) as reading, av.open(str(target), "w", options=options or {}) as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        for packet in reading.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts, packet.dts = packet.pts + shift_ticks, packet.dts + shift_ticks
            packet.stream = copy
            writing.mux(packet)
    return target


def sound(path: Path) -> Path:
    """A file that holds nothing but a moment of silence."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48_000)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        for number in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 48_000, number * 1024
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def written(path: Path, content: bytes) -> Path:
    """A file with this content."""
    path.write_bytes(content)
    return path


def decode_fully(path: Path) -> list[tuple[int, NDArray[np.uint8]]]:
    """The oracle: every frame that a plain decode of the whole file gives, with its PTS."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return [(frame.pts or 0, frame.to_ndarray(format="bgr24")) for frame in container.decode(stream)]


def identity(path: Path) -> FileIdentity:
    """The identity of a file of ours."""
    status = path.stat()
    raw = os.fsencode(path)
    return FileIdentity(raw, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
