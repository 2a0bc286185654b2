"""A segment that waits for a service: what is to be asked of it, what was said, and the result that comes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from db.call_records import PaidKey
from db.records import ClaimedSegment, Face, Frame, Problem
from workers.analysis import AnalysisSpec
from workers.messages import Cutout, Give, SegmentResult, Whole
from workers.services import said
from workers.services.base import ServiceFace
from workers.services.said import Said

GRAY_SHAPE = (64, 64)
Content = Cutout | Whole | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Scored:
    """Every answer is there."""

    claim: ClaimedSegment
    result: SegmentResult
    unscored: int
    """Faces that the service gave no scores for, though it was sent them."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot be scored: one failure of the segment."""

    claim: ClaimedSegment
    problem: Problem


@dataclass(frozen=True, slots=True)
class Returned:
    """It was not scored, through no fault of its own. What was paid for is kept."""

    claim: ClaimedSegment
    delay_s: float
    """Before anybody should try again."""


Ending = Scored | Failed | Returned


class Mailbox(Protocol):
    """Where an ending is put: a queue."""

    def put(self, item: Ending) -> None: ...


@dataclass(eq=False, slots=True)
class Item:
    """One face, or one whole picture, that the service is to be asked about."""

    case: "Case"
    frame: int
    """Index of its frame."""
    number: int
    """Of the face in its frame; 0 for a whole picture."""
    content: Content
    came_at: float = 0.0
    """When it came into its line, on the monotonic clock."""
    goes_alone: bool = False
    """It was not seen among others, or may be what is wrong with them."""
    tries: int = 0
    """Calls that it travelled with and that failed, while others went well."""
    tried_at: int = -1
    """How many calls had gone well when the last of these failed."""

    @property
    def is_wanted(self) -> bool:
        """Whether its answer is still of use."""
        return self.case.ending is None

    @property
    def at(self) -> tuple[int, int]:
        """Its place in the case."""
        return self.frame, self.number

    @property
    def face(self) -> Face | None:
        """The face that it shows; None for a whole picture."""
        return None if isinstance(self.content, Whole) else self.case.frames[self.frame].faces[self.number]

    @property
    def size_bytes(self) -> int:
        """What it holds in memory."""
        match self.content:
            case Whole():
                return len(self.content.picture)
            case Cutout():
                return self.content.pixels.nbytes
        return self.content.nbytes


@dataclass(eq=False, slots=True)
class Case:
    """One segment between its child and its commit. Guarded by whoever holds it."""

    claim: ClaimedSegment
    spec: AnalysisSpec
    give: Give
    bare: SegmentResult
    """What its child gave, without the pictures."""
    mailbox: Mailbox
    scales: tuple[float | None, ...] = ()
    """Of whole pictures: pixels as a person sees them per pixel of what is sent; None where there is none."""
    answers: dict[tuple[int, int], Said] = field(default_factory=dict)
    left: int = 0
    flying: int = 0
    """Calls that carry something of it."""
    ending: Failed | Returned | None = None
    """How it will end once nothing of it flies."""

    @property
    def frames(self) -> tuple[Frame, ...]:
        """As its child gave them."""
        return self.bare.frames

    def hear(self, item: Item, answer: Said) -> None:
        """An answer is there."""
        if item.at not in self.answers:
            self.answers[item.at] = answer
            self.left -= 1

    def result(self) -> Scored:
        """The segment as it is to be committed; every answer is there."""
        frames = tuple(self._frame(number, frame) for number, frame in enumerate(self.frames))
        unscored = sum(answer.note is not None for answer in self.answers.values())
        return Scored(self.claim, msgspec.structs.replace(self.bare, frames=frames), unscored)

    def _frame(self, number: int, frame: Frame) -> Frame:
        if self.give is not Give.PICTURES:
            faces = (_scored(face, self.answers[number, at]) for at, face in enumerate(frame.faces))
            return replace(frame, faces=tuple(faces))
        scale = self.scales[number]
        if scale is None:
            return frame
        seen = [_found(face, scale) for face in self.answers[number, 0].faces]
        wanted = self.spec.detector
        sure = [face for face in seen if face.confidence is None or face.confidence >= wanted.confidence]
        kept = sorted(
            (face for face in sure if face.box_height >= wanted.min_face), key=lambda one: (one.box_x, one.box_y)
        )
        return replace(frame, faces=tuple(kept), faces_dropped=len(sure) - len(kept))


def open_case(
    claim: ClaimedSegment, spec: AnalysisSpec, give: Give, result: SegmentResult, mailbox: Mailbox
) -> tuple[Case, list[Item]]:
    """A case and everything that is to be asked. Raises ValueError where a child gave something else than it should."""
    scales = tuple(None if whole is None else whole.scale for whole in result.wholes)
    bare = msgspec.structs.replace(result, crops=None, cutouts=(), wholes=())
    case = Case(claim, spec, give, bare, mailbox, scales)
    items = list(_items(case, result))
    case.left = len(items)
    return case, items


def recall(case: Case, items: list[Item], paid: Mapping[PaidKey, str]) -> list[Item]:
    """Take the answers that are paid for already; what is left to ask."""
    for item in items:
        key = (case.claim.fence.segment_id, case.frames[item.frame].pts, item.number)
        answer = said.from_json(paid[key], item.face) if key in paid else None
        if answer is not None:
            case.hear(item, answer)
    return [item for item in items if item.at not in case.answers]


def _items(case: Case, result: SegmentResult) -> Iterator[Item]:
    if case.give is Give.PICTURES:
        if len(result.wholes) != len(result.frames) or any(frame.faces for frame in result.frames):
            raise ValueError(f"{len(result.wholes)} pictures of {len(result.frames)} frames")
        yield from (Item(case, at, 0, whole) for at, whole in enumerate(result.wholes) if whole is not None)
        return
    places = [(at, number) for at, frame in enumerate(result.frames) for number in range(len(frame.faces))]
    pictures: Any = result.cutouts
    if case.give is Give.GRAY:
        pictures = np.empty((0, *GRAY_SHAPE), np.uint8) if result.crops is None else result.crops
        if pictures.shape[1:] != GRAY_SHAPE:
            raise ValueError(f"crops of shape {pictures.shape}")
    if len(pictures) != len(places):
        raise ValueError(f"{len(pictures)} crops of {len(places)} faces")
    yield from (Item(case, at, number, picture) for (at, number), picture in zip(places, pictures, strict=True))


def _scored(face: Face, answer: Said) -> Face:
    if answer.faces:
        return replace(face, scores=answer.faces[0].scores, attributes=answer.faces[0].attributes)
    return replace(face, attributes=msgspec.json.encode({"unscored": answer.note}).decode())


def _found(face: ServiceFace, scale: float) -> Face:
    """A face that the service found, in pixels of the picture as a person sees it."""
    x, y, width, height = (length * scale for length in face.box_xywh)
    landmarks: Any = None if face.landmarks is None else tuple(length * scale for length in face.landmarks)
    return Face(x, y, width, height, landmarks, face.confidence, face.scores, face.attributes)
