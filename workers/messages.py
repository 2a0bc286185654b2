"""What a parent asks of a child and what the child answers: frozen data, msgpack on the wire.

The parent decodes answers into exactly these types and nothing else: a child that was taken over by a hostile
file can lie, but it cannot make its parent run code.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from db.records import FileIdentity, Frame, MediaFacts, Problem, SegmentSpec
from workers.analysis import AnalysisSpec
from workers.drawing.work import DrawResult, DrawWork


class Give(StrEnum):
    """What a child gives of a segment beside its frames."""

    SCORES = "scores"
    """Every face scored, by a model that the child holds."""
    GRAY = "gray"
    """The aligned gray crop of every face, as FER+ models take it: a scoring container gets them."""
    CROPS = "crops"
    """A cut-out of every face in colour, with its surroundings: a service that finds faces gets them packed."""
    PICTURES = "pictures"
    """Every frame as an encoded picture, and no faces: a service finds them."""


class Takes(msgspec.Struct, frozen=True):
    """Which encoded pictures a service takes."""

    formats: tuple[str, ...]
    """Still formats by the names of `db.records.MediaFacts.container`; JPEG is always among them."""
    min_bytes: int
    max_bytes: int
    min_side_px: int


class Cutout(msgspec.Struct, frozen=True):
    """A face with its surroundings: `pixels` is BGR uint8 [height, width, 3], never empty.

    Made or decoded, it is what it promises: raises ValueError otherwise.
    """

    pixels: NDArray[np.uint8]
    face_xywh: tuple[float, float, float, float]
    """Where the face lies, in pixels of the cut-out; it may reach over the edges."""

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or not self.pixels.size:
            raise ValueError(f"a picture of shape {self.pixels.shape}")
        if not all(map(math.isfinite, self.face_xywh)) or min(self.face_xywh[2:]) <= 0:
            raise ValueError(f"a face at {self.face_xywh}")


class Whole(msgspec.Struct, frozen=True):
    """One frame as an encoded picture. Made or decoded, it is what it promises: raises ValueError otherwise."""

    picture: bytes
    scale: float
    """Pixels of the frame as a person sees it per pixel of what was encoded; 1.0 where it is the file itself."""
    width: int
    height: int
    """Of what was encoded, as a person sees it."""

    def __post_init__(self) -> None:
        if not self.picture or min(self.width, self.height) < 1:
            raise ValueError(f"a picture of {self.width} x {self.height} in {len(self.picture)} bytes")
        if not math.isfinite(self.scale) or self.scale < 1:
            raise ValueError(f"a picture enlarged by {self.scale}")


class SegmentWork(msgspec.Struct, frozen=True):
    """One segment to analyse: all that `workers.pipeline.process_segment` may know."""

    source: FileIdentity
    facts: MediaFacts
    segment: SegmentSpec
    analysis: AnalysisSpec
    give: Give = Give.SCORES
    takes: Takes | None = None
    """What PICTURES must keep to."""

    @property
    def may_wait(self) -> bool:
        """Whether others may be begun before it is answered: faces of photos are scored together."""
        return self.give is Give.SCORES and self.facts.kind == "photo"


class Enclosures(msgspec.Struct, frozen=True):
    """Some of what is given of a segment beside its frames, in their order: the fields as in `SegmentResult`."""

    crops: NDArray[np.uint8] | None = None
    cutouts: tuple[Cutout, ...] = ()
    wholes: tuple[Whole | None, ...] = ()


class SegmentResult(msgspec.Struct, frozen=True):
    """What one segment gave."""

    frames: tuple[Frame, ...]
    fallbacks: int = 0
    cpu_s: float = 0.0
    stages_s: dict[str, float] = {}
    crops: NDArray[np.uint8] | None = None
    """For GRAY: uint8 [faces, 64, 64] in the order of the frames' faces."""
    cutouts: tuple[Cutout, ...] = ()
    """For CROPS: one for each face in the order of the frames' faces."""
    wholes: tuple[Whole | None, ...] = ()
    """For PICTURES: one for each frame; None where the frame is missing."""


class ProbeWork(msgspec.Struct, frozen=True):
    """One file to sniff and probe, and to cut into segments for the analysis."""

    source: FileIdentity
    analysis: AnalysisSpec
    give: Give = Give.SCORES
    """What the segments will be asked for: those whose pictures wait for a service are shorter."""


class ProbeResult(msgspec.Struct, frozen=True):
    """What a file is. `facts` is None where its bytes are no media we know."""

    facts: MediaFacts | None
    segments: tuple[SegmentSpec, ...] = ()


class AnalyseBatch(msgspec.Struct, frozen=True, tag=True):
    """Segments to analyse one after the other: a batch of photos, or one stretch of a video."""

    items: tuple[SegmentWork, ...]


class ProbeBatch(msgspec.Struct, frozen=True, tag=True):
    """Files to probe one after the other."""

    items: tuple[ProbeWork, ...]


class DrawBatch(msgspec.Struct, frozen=True, tag=True):
    """Files to make of recordings, one after the other."""

    items: tuple[DrawWork, ...]


Request = AnalyseBatch | ProbeBatch | DrawBatch


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The child has set its limits and waits for work."""

    unheld: dict[str, str] = {}
    """Guards that this system did not grant, by name, with its reasons."""


class Started(msgspec.Struct, frozen=True, tag=True):
    """Item `index` is in hand: if the child dies now, it is to blame, whichever others wait for their answers."""

    index: int


class Together(msgspec.Struct, frozen=True, tag=True):
    """All items begun and not answered are in hand, until another is begun: if the child dies, any may be to blame."""


class Progress(msgspec.Struct, frozen=True, tag=True):
    """`frames` sampled frames of item `index` are analysed."""

    index: int
    frames: int


class Enclosed(msgspec.Struct, frozen=True, tag=True):
    """More of what item `index` gives: a segment may hold more than goes into one message, or into a child."""

    index: int
    part: Enclosures


class Analysed(msgspec.Struct, frozen=True, tag=True):
    """Item `index` is finished. `result` holds what was not enclosed before."""

    index: int
    result: SegmentResult


class Piece(msgspec.Struct, frozen=True, tag=True):
    """Some bytes of the file that item `index` makes, and where in it they belong."""

    index: int
    offset: int
    data: bytes


class Drawn(msgspec.Struct, frozen=True, tag=True):
    """Item `index` is made: all of its file was sent."""

    index: int
    result: DrawResult


class Probed(msgspec.Struct, frozen=True, tag=True):
    """Item `index` is probed."""

    index: int
    result: ProbeResult


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Item `index` cannot be done; the child lives and goes on."""

    index: int
    problem: Problem


class BatchDone(msgspec.Struct, frozen=True, tag=True):
    """Every item of the request was answered."""


Reply = Ready | Started | Together | Progress | Enclosed | Piece | Analysed | Probed | Drawn | Failed | BatchDone


class Undecodable(Exception):
    """Bytes that are no message."""


def _to_wire(value: object) -> object:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        return (value.shape, value.tobytes())
    raise TypeError(f"cannot send a {type(value).__name__}")


def _from_wire(kind: type, value: Any) -> object:
    if kind is Fraction:
        return Fraction(value)
    shape, raw = value
    return np.frombuffer(raw, np.uint8).reshape(shape)


def encode(message: Request | Reply) -> bytes:
    """One message as bytes."""
    return msgspec.msgpack.encode(message, enc_hook=_to_wire)


def decode_request(raw: bytes) -> Request:
    """The inverse of `encode`, for a child. Raises Undecodable on anything else."""
    with _translated():
        request: Request = msgspec.msgpack.decode(raw, type=Request, dec_hook=_from_wire)
        return request


def decode_reply(raw: bytes) -> Reply:
    """The inverse of `encode`, for a parent. Raises Undecodable on anything else, however it was made."""
    with _translated():
        reply: Reply = msgspec.msgpack.decode(raw, type=Reply, dec_hook=_from_wire)
        return reply


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (msgspec.MsgspecError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        # msgspec wraps ValueError and TypeError of a hook only, and a hook meets 1/0 and shapes beyond 64 bits.
        raise Undecodable(f"{type(error).__name__}: {error}") from error
