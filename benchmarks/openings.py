"""Clips for the decode benchmark, by codec, group of pictures and size: ten seconds are encoded, then repeated."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.clips import FPS, Recipe, repeat, write

OPENING_S = 10
_QUIET = "log-level=none"


@dataclass(frozen=True)
class Shape:
    """How a clip is encoded."""

    name: str
    codec: str
    gop: int
    """Frames from one key frame to the next."""
    b_frames: int
    height: int
    container: str = "mp4"

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.name} {self.height}p"

    @property
    def gop_s(self) -> float:
        """Seconds from one key frame to the next."""
        return self.gop / FPS

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return (self.height * 16 // 9, self.height)

    @property
    def options(self) -> dict[str, str]:
        """As cameras and editors encode, but fast."""
        match self.codec:
            case "libx264":
                told = f"keyint={self.gop}:min-keyint={self.gop}:scenecut=0:bframes={self.b_frames}:b-adapt=0"
                return {"preset": "veryfast", "crf": "26", "x264-params": told}
            case "libx265":
                told = f"{_QUIET}:keyint={self.gop}:min-keyint={self.gop}:scenecut=0:bframes={self.b_frames}"
                return {"preset": "ultrafast", "crf": "28", "x265-params": told}
            case "libvpx-vp9":
                return {"deadline": "realtime", "cpu-used": "8", "g": str(self.gop), "crf": "34", "b": "0"}
            case _:
                return {"preset": "12", "crf": "40", "g": str(self.gop), "svtav1-params": "lp=2"}


# No whole number of seconds: where every sampled frame is a key frame, any way to it is cheap.
def _at(height: int) -> tuple[Shape, ...]:
    return (
        Shape("h264-b-gop24", "libx264", 24, 3, height),
        Shape("h264-b-gop48", "libx264", 48, 3, height),
        Shape("h264-b-gop250", "libx264", 250, 3, height),
        Shape("h264-gop12", "libx264", 12, 0, height),
        Shape("h264-gop250", "libx264", 250, 0, height),
        Shape("hevc-gop48", "libx265", 48, 4, height),
        Shape("vp9-gop48", "libvpx-vp9", 48, 0, height, "webm"),
        Shape("av1-gop48", "libsvtav1", 48, 0, height),
    )


SHAPES = (*_at(360), *_at(1080), *_at(2160)[1:2], *_at(2160)[5:6])
"""All of them small and in full HD; the commonest also in 4K."""


def clip_of(shape: Shape, seconds: int, folder: Path) -> Path:
    """The clip, written below `folder`."""
    recipe = Recipe(shape.name, shape.codec, size=shape.size, frames=OPENING_S * FPS)
    opening = folder / f"{shape.name}-{shape.height}-opening.{shape.container}"
    write(opening, recipe, shape.options, shape.gop)
    target = repeat(opening, seconds, folder / f"{shape.name}-{shape.height}.{shape.container}")
    opening.unlink()
    return target
