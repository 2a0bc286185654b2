"""What travels beside the frames of a segment: handed over piece by piece by a child, put together by its parent.

Both count alike what an item holds: a child gives up in time and says why, so that one that goes on regardless lies.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from workers.errors import WorkError
from workers.messages import Cutout, Enclosures, Give, SegmentResult, Whole

HAND_OVER_BYTES = 8 << 20
"""A child keeps about so much to itself."""
MOST_BYTES = 1 << 30
"""What a parent takes in for one item: 120 pictures of 6 MB and then some."""
PIECE_BYTES = 1024
"""What a piece counts beside its pixels: many small ones take memory too."""
CROP_SHAPE = (64, 64)

HandOver = Callable[[Enclosures], None]


class Gathering:
    """Gathers what a child gives. Whenever about 8 MB are together, `hand_over` gets them; without it, all is kept."""

    def __init__(self, give: Give, hand_over: HandOver | None = None) -> None:
        self._give = give
        self._hand_over = hand_over
        self._empty()
        self._handed_bytes = 0

    def add_crop(self, crop: NDArray[np.uint8]) -> None:
        """An aligned gray crop, uint8 [64, 64]. Raises WorkError, as the others do, where it all becomes too much."""
        self._crops.append(crop)
        self._grown(crop.nbytes)

    def add_cutout(self, cutout: Cutout) -> None:
        """A face with its surroundings."""
        self._cutouts.append(cutout)
        self._grown(cutout.pixels.nbytes)

    def add_whole(self, whole: Whole | None) -> None:
        """A frame, or None for one that is missing."""
        self._wholes.append(whole)
        self._grown(0 if whole is None else len(whole.picture))

    def rest(self) -> Enclosures:
        """What was not handed over."""
        crops = None
        if self._give is Give.GRAY:
            crops = np.stack(self._crops) if self._crops else np.empty((0, *CROP_SHAPE), np.uint8)
        return Enclosures(crops, tuple(self._cutouts), tuple(self._wholes))

    def _grown(self, size_bytes: int) -> None:
        self._bytes += size_bytes + PIECE_BYTES
        if self._handed_bytes + self._bytes > MOST_BYTES - HAND_OVER_BYTES:
            raise WorkError(
                "child.result_size",
                f"its result is too large: what a service is to get of it takes more than {MOST_BYTES >> 30} GB",
                "ask for fewer frames (`--every`)",
            )
        if self._hand_over is not None and self._bytes >= HAND_OVER_BYTES:
            self._hand_over(self.rest())
            self._handed_bytes += self._bytes
            self._empty()

    def _empty(self) -> None:
        self._crops: list[NDArray[np.uint8]] = []
        self._cutouts: list[Cutout] = []
        self._wholes: list[Whole | None] = []
        self._bytes = 0


class Unfit(Exception):
    """Something is enclosed that the work did not ask for, or not as much as belongs to its frames."""


class Tally:
    """Counts what a child encloses with one item, and keeps none of it."""

    def __init__(self, give: Give) -> None:
        self._give = give
        self._pieces = 0
        self._bytes = 0

    def add(self, part: Enclosures) -> None:
        """Some of it came. Raises Unfit where it cannot be right, or is more than any honest child would send."""
        _check_kind(part, self._give)
        self._pieces += _pieces(part)
        self._bytes += _bytes(part)
        if self._bytes > MOST_BYTES:
            raise Unfit(f"more than {MOST_BYTES >> 30} GB for one item")

    def close(self, result: SegmentResult) -> None:
        """The rest came, with the frames. Raises Unfit where not every face, or frame, has its piece."""
        self.add(_rest_of(result))
        frames, faces = len(result.frames), sum(len(frame.faces) for frame in result.frames)
        expected = {Give.SCORES: 0, Give.PICTURES: frames}.get(self._give, faces)
        if self._pieces != expected:
            raise Unfit(f"{self._pieces} {self._give.value} for {faces} faces in {frames} frames")
        if self._give is Give.PICTURES and faces:
            raise Unfit(f"{faces} faces that nobody looked for")


def joined(parts: Sequence[Enclosures], result: SegmentResult) -> SegmentResult:
    """The result with all that was enclosed before it, in order."""
    if not parts:
        return result
    every = (*parts, _rest_of(result))
    crops = [part.crops for part in every if part.crops is not None]
    return msgspec.structs.replace(
        result,
        crops=np.concatenate(crops) if crops else None,
        cutouts=tuple(cutout for part in every for cutout in part.cutouts),
        wholes=tuple(whole for part in every for whole in part.wholes),
    )


def _rest_of(result: SegmentResult) -> Enclosures:
    return Enclosures(result.crops, result.cutouts, result.wholes)


def _check_kind(part: Enclosures, give: Give) -> None:
    """Only what was asked for, and gray crops in their one shape; the other pieces have proven theirs."""
    there = {Give.GRAY: part.crops is not None, Give.CROPS: bool(part.cutouts), Give.PICTURES: bool(part.wholes)}
    wrong = [kind.value for kind, is_there in there.items() if is_there and kind is not give]
    if wrong:
        raise Unfit(f"{wrong[0]} where {give.value} were asked for")
    if part.crops is not None and (part.crops.ndim != 3 or part.crops.shape[1:] != CROP_SHAPE):
        raise Unfit(f"crops of shape {part.crops.shape}")


def _pieces(part: Enclosures) -> int:
    return (0 if part.crops is None else len(part.crops)) + len(part.cutouts) + len(part.wholes)


def _bytes(part: Enclosures) -> int:
    """With a little for the message itself: there is no sending empty ones for ever."""
    pixels = (0 if part.crops is None else part.crops.nbytes) + sum(cutout.pixels.nbytes for cutout in part.cutouts)
    pictures = sum(len(whole.picture) for whole in part.wholes if whole is not None)
    return pixels + pictures + PIECE_BYTES * (_pieces(part) + 1)
