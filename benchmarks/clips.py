"""Clips for the benchmarks: two seconds are encoded, longer videos repeat their packets with later timestamps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

FPS = 25


@dataclass(frozen=True)
class Recipe:
    """How to encode a clip's opening."""

    name: str
    codec: str
    pixel_format: str = "yuv420p"
    size: tuple[int, int] = (3840, 2160)
    frames: int = 50

    @property
    def options(self) -> dict[str, str]:
        """References and B-frames as cameras and editors write them: they are what a decoder has to hold."""
        if self.codec == "libx264":
            return {"preset": "veryfast", "crf": "30", "x264-params": "ref=4:bframes=3:keyint=50"}
        return {"preset": "ultrafast", "crf": "32", "x265-params": "log-level=none:ref=4:bframes=4:keyint=50"}


def encode(recipe: Recipe, folder: Path) -> Path:
    """Write the opening: one group of pictures, a face wandering over a picture that moves."""
    path = folder / f"{recipe.name}-opening.mp4"
    write(path, recipe, recipe.options)
    return path


def write(
    path: Path,
    recipe: Recipe,
    options: dict[str, str],
    gop: int | None = None,
    pictures: Iterable[Picture] | None = None,
) -> None:
    """Encode a recipe's pictures, or others, with other options, and a key frame every `gop` frames where given."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(recipe.codec, rate=FPS)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = recipe.size
        stream.pix_fmt = recipe.pixel_format
        stream.codec_context.options = options
        if gop is not None:
            stream.codec_context.gop_size = gop
        for picture in pictures or _pictures(recipe):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(stream.encode(None))


def repeat(opening: Path, seconds: float, target: Path) -> Path:
    """The opening's packets again and again, each time later, until the clip is `seconds` long."""
    with av.open(str(opening)) as source, av.open(str(target), "w") as output:
        template = source.streams.video[0]
        stream = output.add_stream_from_template(template, opaque=True)  # nothing is encoded: AV1's decoder could not
        packets = [packet for packet in source.demux(template) if packet.size]
        base = template.time_base
        assert base is not None
        length = sum(packet.duration or 0 for packet in packets)
        for turn in range(round(seconds / (length * base))):
            for packet in packets:
                assert packet.pts is not None
                assert packet.dts is not None
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts = packet.pts + turn * length, packet.dts + turn * length
                copy.duration, copy.time_base, copy.is_keyframe = packet.duration, base, packet.is_keyframe
                copy.stream = stream
                output.mux(copy)
    return target


def _pictures(recipe: Recipe) -> Iterator[Picture]:
    """A face that wanders over a picture that moves, BGR."""
    width, height = recipe.size
    face = cv2.resize(portrait(), (height // 2, height // 2), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[0:height, 0 : width + 8 * recipe.frames]
    waves = (112 + 60 * np.sin(x / 47.0) + 40 * np.sin(y / 31.0)).astype(np.uint8)
    grain = np.random.default_rng(4).integers(0, 24, (height, width), np.uint8)
    for number in range(recipe.frames):
        wave = waves[:, 8 * number : 8 * number + width] + np.roll(grain, 977 * number)
        picture = np.repeat(wave[..., None], 3, axis=2)
        left, top = 12 * number % (width - face.shape[1]), (height // 4 + 4 * number) % (height - face.shape[0])
        picture[top : top + face.shape[0], left : left + face.shape[1]] = face
        yield picture


def portrait() -> Picture:
    """The picture of a face that the package carries, BGR uint8 [512, 512, 3]."""
    raw = np.frombuffer((files("jobs.demo") / "portrait.jpg").read_bytes(), np.uint8)
    decoded = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.uint8, copy=False)
