"""Folders of small recordings with a real face in them, made from the demo's portrait."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def portrait() -> Picture:
    """BGR uint8 [512, 512, 3]."""
    raw = np.frombuffer((files("jobs.demo") / "portrait.jpg").read_bytes(), np.uint8)
    decoded = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.uint8, copy=False)


def views(number: int, count: int, size: tuple[int, int] = (320, 180)) -> Iterator[Picture]:
    """`count` pictures of the portrait, each a little further on; another `number` starts elsewhere."""
    face = portrait()
    for step in range(count):
        scale = 0.55 + 0.01 * (number % 17) + 0.001 * step
        x, y = 225 + (number * 7) % 23 + step * 0.3, 150 + (number * 5) % 19
        move = np.array([[scale, 0, size[0] / 2 - scale * x], [0, scale, size[1] / 2 - scale * y]])
        yield cv2.warpAffine(face, move, size, borderValue=(90, 90, 90)).astype(np.uint8, copy=False)


def write_photo(path: Path, number: int) -> None:
    """One photo."""
    done, encoded = cv2.imencode(path.suffix, next(views(number, 1)))
    assert done
    path.write_bytes(encoded.tobytes())


def write_clip(path: Path, number: int, seconds: float = 2.0, fps: int = 25) -> None:
    """One H.264 clip with a key frame a second."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.gop_size = fps
        stream.codec_context.options = {"preset": "veryfast", "threads": "1"}
        for picture in views(number, round(seconds * fps)):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(stream.encode(None))


def forty_files(folder: Path) -> Path:
    """Forty recordings: photos and clips in sub-folders, and two files that cannot be read."""
    for number in range(26):
        sub = folder / f"photos {number % 3}"
        sub.mkdir(parents=True, exist_ok=True)
        write_photo(sub / f"{number:02}.jpg", number)
    (folder / "clips").mkdir()
    for number in range(12):
        write_clip(folder / "clips" / f"{number:02}.mp4", number)
    (folder / "clips" / "not a video.mp4").write_text("this is text")
    (folder / "empty.jpg").write_bytes(b"")
    return folder


def twelve_faces(folder: Path) -> Path:
    """Eight photos and a clip of one second, which at four frames a second shows a face four times."""
    for number in range(8):
        write_photo(folder / f"{number}.jpg", number)
    write_clip(folder / "clip.mp4", 9, seconds=1)
    return folder
