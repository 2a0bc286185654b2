"""Segments that wait for a service, as tests make them: faces without a picture worth looking at, and their answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from db.emotions import EMOTIONS
from db.records import ClaimedSegment, Face, Fence, Frame, MediaFacts, SegmentSpec
from workers.analysis import AnalysisSpec, DetectorSpec, ScorerSpec
from workers.messages import SegmentResult
from workers.services.base import (
    BadPicture,
    Call,
    Nonsense,
    Refused,
    ServiceError,
    ServiceFace,
    Throttled,
    Unavailable,
)
from workers.services.cases import Ending, Item
from workers.services.said import Said

SPEC = AnalysisSpec(None, DetectorSpec(), ScorerSpec("ferplus-http"))
ANSWERED = Call(500)
"""The service had what it was sent before it."""
ERRORS = {kind.__name__.lower(): kind for kind in (BadPicture, Nonsense, Refused, Throttled, Unavailable)}


@dataclass
class Box:
    """A mailbox that keeps what was put in."""

    endings: list[Ending] = field(default_factory=list)

    def put(self, item: Ending) -> None:
        self.endings.append(item)


def claim(segment_id: int, job_id: str = "job", spec: AnalysisSpec = SPEC) -> ClaimedSegment:
    """A photo in our hands."""
    facts = MediaFacts("photo", "jpeg", "jpeg", 640, 480)
    name = f"{segment_id}.jpg"
    return ClaimedSegment(
        Fence(segment_id, 1), segment_id, SegmentSpec(0), 0, segment_id, name, 1000, facts, b"/data", name.encode(),
        name, 1, 1, spec.to_json(), job_id,
    )  # fmt: skip


def gray_result(faces: int, mark: int = 0) -> SegmentResult:
    """A photo with so many faces, whose crops all have one pixel value, so that a service may know them again."""
    found = tuple(Face(100.0 * number, 10.0, 50.0, 60.0, None, 0.9) for number in range(faces))
    crops = np.full((faces, 64, 64), mark, np.uint8)
    crops[:, 0, 0] = np.arange(faces)
    return SegmentResult((Frame(0, 0.0, found),), crops=crops)


def scores(segment_id: int, number: int) -> tuple[float, ...]:
    """What a service says of a face, and of no other."""
    return (float(segment_id), float(number), *(0.0 for _ in EMOTIONS[2:]))


def said(items: Sequence[Item]) -> tuple[tuple[Item, Said], ...]:
    """An answer for each."""
    given = (scores(item.case.claim.fence.segment_id, item.number) for item in items)
    return tuple((item, Said((ServiceFace((0, 0, 1, 1), one),))) for item, one in zip(items, given, strict=True))


def failure(name: str, call: Call = ANSWERED) -> ServiceError:
    """A call that brought nothing; `name` as in ERRORS."""
    return ERRORS[name](f"service.{name}", "for a test", "nothing", call)
