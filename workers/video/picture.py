"""From a decoded frame to the picture that a person would see, with its time."""

from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from db.records import MediaFacts
from db.states import FrameStatus
from workers.video.index import Clock
from workers.video.orientation import fit, orientation_of


@dataclass(frozen=True, slots=True)
class Picture:
    """One sampled frame: `pixels` is BGR uint8 [height, width, 3], upright, with square pixels; None when missing."""

    pts: int
    time_s: float
    status: FrameStatus
    pixels: NDArray[np.uint8] | None
    scale: tuple[float, float] = (1.0, 1.0)
    """Pixels of the recording for one of `pixels`, across and down: a large photo is first decoded small."""
    read_again: "Callable[[float], Picture] | None" = None
    """Reads it with a longer side of at least so many pixels; None where there are no more of them."""

    def at_scale(self, most: float) -> "Picture":
        """The same with at most so many pixels of the recording for one, as far as the recording has them."""
        if self.pixels is None or self.read_again is None or max(self.scale) <= most:
            return self
        height, width = self.pixels.shape[:2]
        longer = max(width * self.scale[0], height * self.scale[1])
        return self.read_again(longer / max(most, 1.0))


class Developer:
    """Makes pictures of one video's frames."""

    def __init__(self, facts: MediaFacts, clock: Clock) -> None:
        self._clock = clock
        self._size = (facts.width, facts.height)
        self._reformatter = VideoReformatter()  # kept: setting one up costs as much as converting a small frame

    def picture(self, frame: av.VideoFrame, pts: int) -> Picture:
        """The frame as shown at `pts`."""
        status = FrameStatus.DAMAGED if frame.is_corrupt else FrameStatus.OK
        return Picture(pts, self._time_s(pts), status, self._upright(frame))

    def missing(self, pts: int) -> Picture:
        """The place of a frame that the decoder never produced."""
        return Picture(pts, self._time_s(pts), FrameStatus.MISSING, None)

    def _time_s(self, pts: int) -> float:
        return float(self._clock.seconds(pts))

    def _upright(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """At the size of the video's beginning, as players show a stream that changes its size on the way."""
        # One thread, whatever the machine: the runner parallelises over processes.
        bgr = self._reformatter.reformat(frame, format="bgr24", threads=1)
        stored = bgr.to_ndarray().astype(np.uint8, copy=False)
        return fit(orientation_of(frame).apply(stored), self._size)
