"""What a child is asked to draw, and what it says when it is done: frozen data."""

from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from db.records import FileIdentity, MediaFacts, SegmentSpec
from workers.analysis import AnalysisSpec

NO_TRACK = -1
NOT_SCORED = -1
_SPARE_BYTES = 64 << 20
_RAW_BYTES_PER_PIXEL = 1.5
"""An encoder that gives more than this (YUV 4:2:0 as it is) encodes nothing."""


class SeenBytes(msgspec.Struct, frozen=True):
    """The columns of `Seen` as they travel."""

    looked: bytes
    until: bytes
    pts: bytes
    track: bytes
    dominant: bytes
    scores: bytes
    xywh: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in one recording: frames that were looked at, and their faces. Ascending in time."""

    looked: NDArray[np.int64]
    """PTS of the frames that were looked at."""
    until: NDArray[np.int64]
    """By such a frame: the PTS from which on it says nothing any more."""
    pts: NDArray[np.int64]
    """By face: the frame it is in."""
    track: NDArray[np.int32]
    """NO_TRACK where none is assigned."""
    dominant: NDArray[np.int8]
    """Index into EMOTIONS, or NOT_SCORED."""
    scores: NDArray[np.float16]
    """[faces, 8], NaN where the scorer gave none."""
    xywh: NDArray[np.float32]
    """[faces, 4] in pixels of the picture as a person sees it."""

    def packed(self) -> SeenBytes:
        """For a message."""
        return SeenBytes(**{name: getattr(self, name).tobytes() for name in self.__slots__})

    @classmethod
    def unpacked(cls, raw: SeenBytes) -> Self:
        """The inverse of `packed`."""
        return cls(
            looked=np.frombuffer(raw.looked, np.int64),
            until=np.frombuffer(raw.until, np.int64),
            pts=np.frombuffer(raw.pts, np.int64),
            track=np.frombuffer(raw.track, np.int32),
            dominant=np.frombuffer(raw.dominant, np.int8),
            scores=np.frombuffer(raw.scores, np.float16).reshape(-1, 8),
            xywh=np.frombuffer(raw.xywh, np.float32).reshape(-1, 4),
        )

    @property
    def faces(self) -> int:
        """How many there are."""
        return len(self.pts)


class Look(msgspec.Struct, frozen=True):
    """How recordings are to look."""

    boxes: bool = True
    """Boxes, labels and bars."""
    blur: bool = False
    """Faces are made unrecognisable."""
    clock: bool = False
    """The time in a corner."""


class Moment(msgspec.Struct, frozen=True):
    """One picture of a contact sheet: a frame as a segment that holds nothing else, and why it was chosen."""

    segment: SegmentSpec
    emotion: int = NOT_SCORED
    """The emotion that peaks here; NOT_SCORED: it was chosen for its time."""


class SheetPlan(msgspec.Struct, frozen=True):
    """A contact sheet: what stands above its pictures, and which they are, in the order of time."""

    title: str
    lines: tuple[str, ...]
    moments: tuple[Moment, ...]
    analysis: AnalysisSpec
    """How single frames are read."""


class DrawWork(msgspec.Struct, frozen=True):
    """One file to make of a recording: the recording with what was seen in it, or its contact sheet."""

    source: FileIdentity
    facts: MediaFacts
    seen: SeenBytes
    look: Look
    sheet: SheetPlan | None = None
    audio: bool = True
    threads: int = 1
    """That the encoder may use."""

    @property
    def frames(self) -> int:
        """Pictures that will be drawn upon."""
        return self.facts.frame_count if self.sheet is None else len(self.sheet.moments)

    @property
    def megapixels(self) -> float:
        """Work to expect: pictures decoded, times their size."""
        if self.sheet is not None:
            return sum(moment.segment.weight for moment in self.sheet.moments)
        return self.facts.frame_count * self.facts.width * self.facts.height / 1e6

    @property
    def most_bytes(self) -> int:
        """Where the file that is made must end: what goes beyond makes no sense."""
        return int(self.megapixels * 1e6 * _RAW_BYTES_PER_PIXEL) + self.source.size + _SPARE_BYTES


class DrawResult(msgspec.Struct, frozen=True):
    """What became of it; the file itself was handed over before."""

    frames: int
    notes: tuple[str, ...] = ()
    """What is otherwise than one would expect: sound that was encoded anew, frames that could not be decoded."""
