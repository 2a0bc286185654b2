"""Sample media made from one public-domain portrait: what a mixed folder of recordings looks like, a broken file too.

The portrait is NASA's photograph of Eileen Collins, which scikit-image carries as its `astronaut` sample.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

SIZE = (640, 360)
FPS = 25
SECONDS = 6
UNEVEN_MS = (40, 40, 33, 67, 120, 20, 40, 80, 250, 40)
"""Time between frames of the variable-rate clip, over and over."""

_STEADY = {"x264-params": "aq-mode=0:mbtree=0"}
"""Of pictures higher than wide, x264's adaptive quantisation made other ones each time; what it does without stays."""


def make_media(folder: Path) -> list[Path]:
    """Write the sample media that are not there yet; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    portrait = _portrait()
    makers: dict[str, Callable[[Path], None]] = {
        "portrait.jpg": lambda path: _write_photo(path, portrait),
        "two-people.png": lambda path: _write_photo(path, np.hstack([portrait, portrait[:, ::-1]])),
        "constant-rate.mp4": lambda path: _write_clip(path, _wander(portrait), _even()),
        "variable-rate.mkv": lambda path: _write_clip(path, _wander(portrait), _uneven()),
        "rotated.mp4": lambda path: _write_clip(path, map(_on_its_side, _wander(portrait)), _even(), turn=-90),
        "no-face.mp4": lambda path: _write_clip(path, _waves(), _even()),
        "broken.mp4": lambda path: _write_broken(path, portrait),
    }
    for name, make in makers.items():
        if not (folder / name).exists():
            _whole(folder / name, make)
    return [folder / name for name in makers]


def _whole(path: Path, make: Callable[[Path], None]) -> None:
    """Write under another name first: an interrupted demo leaves no half a file that looks like one."""
    partial = path.with_name(f".making-{path.name}")
    make(partial)
    partial.rename(path)


def _portrait() -> Picture:
    """The portrait, BGR uint8 [512, 512, 3]."""
    raw = np.frombuffer((files("jobs.demo") / "portrait.jpg").read_bytes(), np.uint8)
    decoded = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    assert decoded is not None  # noqa: S101  our own package data
    return decoded.astype(np.uint8, copy=False)


def _write_photo(path: Path, picture: Picture) -> None:
    done, encoded = cv2.imencode(path.suffix, picture)
    if not done:
        raise RuntimeError(f"OpenCV cannot write {path.suffix}")
    path.write_bytes(encoded.tobytes())


def _wander(portrait: Picture) -> Iterator[Picture]:
    """A camera that drifts over the portrait and back, slowly zooming in."""
    width, height = SIZE
    for number in range(FPS * SECONDS):
        phase = 2 * np.pi * number / (FPS * SECONDS)
        scale = 0.85 + 0.25 * number / (FPS * SECONDS)
        x, y = 250 + 40 * np.sin(phase), 180 + 25 * np.sin(2 * phase)
        move = np.array([[scale, 0, width / 2 - scale * x], [0, scale, height / 2 - scale * y]])
        yield cv2.warpAffine(portrait, move, SIZE, borderValue=(96, 88, 80)).astype(np.uint8, copy=False)


def _on_its_side(picture: Picture) -> Picture:
    """As a phone held upright stores it."""
    return np.ascontiguousarray(np.rot90(picture))


def _waves() -> Iterator[Picture]:
    """A moving pattern without a face."""
    x, y = np.arange(SIZE[0]), np.arange(SIZE[1])[:, np.newaxis]
    for number in range(FPS * SECONDS):
        wave = 128 + 60 * np.sin((x + 4 * number) / 23) + 40 * np.sin((y - 3 * number) / 17)
        yield np.stack([wave, wave * 0.8, 255 - wave], axis=2).clip(0, 255).astype(np.uint8)


def _even() -> Iterator[int]:
    """Presentation times in milliseconds at a constant rate."""
    return iter(range(0, 10**9, 1000 // FPS))


def _uneven() -> Iterator[int]:
    """Presentation times in milliseconds at a rate that varies."""
    time_ms = 0
    while True:
        for step in UNEVEN_MS:
            yield time_ms
            time_ms += step


def _write_clip(path: Path, pictures: Iterator[Picture], times_ms: Iterator[int], turn: int = 0) -> None:
    """Write a clip; players are told to turn it by `turn` degrees counter-clockwise."""
    with av.open(str(path), "w", format={".mkv": "matroska"}.get(path.suffix, "mp4")) as output:
        stream = output.add_stream("libx264", rate=FPS)
        assert isinstance(stream, av.VideoStream)  # noqa: S101  narrows the type
        stream.width, stream.height = SIZE[::-1] if turn else SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.gop_size = 2 * FPS
        stream.codec_context.options = {"preset": "veryfast", "crf": "23"} | (_STEADY if turn else {})
        if turn:
            stream.set_display_rotation(turn)
        for picture, time_ms in zip(pictures, times_ms, strict=False):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _write_broken(path: Path, portrait: Picture) -> None:
    """A recording that was cut off before its index was written."""
    _write_clip(path, _wander(portrait), _even())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
