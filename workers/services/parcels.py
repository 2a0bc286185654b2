"""What one call carries: faces on a sheet, a whole picture, or a stack of crops; and whose the answers are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from workers.messages import Cutout, Whole
from workers.services.base import CropService, PictureCard, PictureService, ServiceFace
from workers.services.cases import Item
from workers.services.packing import assign
from workers.services.said import Said
from workers.services.sheets import Crop, Packed, pack

NOTHING_SEEN = "the service found no face in it"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a call brought."""

    said: tuple[tuple[Item, Said], ...]
    transactions: int
    status: int
    request_id: str | None
    again: tuple[Item, ...] = ()


class Parcel(Protocol):
    """Ready to be sent: nothing is left to do but the call itself."""

    @property
    def items(self) -> tuple[Item, ...]:
        """What is in it."""

    @property
    def faces(self) -> int:
        """Faces in it; 0 where nobody knows."""

    def send(self, service: Any) -> Heard:
        """One call. Raises ServiceError."""


def parcel_of(service: PictureService | CropService, items: Sequence[Item]) -> tuple[Parcel | None, str]:
    """The first of the items, as many as one call takes; or None, and why the first cannot be sent at all."""
    content = items[0].content
    if isinstance(content, Whole):
        return WholeParcel((items[0],), content), ""
    if isinstance(content, Cutout):
        return _sheet(cast("PictureCard", service.card), items)
    return StackParcel(tuple(items)), ""


def _sheet(card: PictureCard, items: Sequence[Item]) -> tuple[Parcel | None, str]:
    cutouts = [cast("Cutout", item.content) for item in items]
    try:
        packed = pack([Crop(one.pixels, one.face_xywh) for one in cutouts], card)
    except ValueError as error:
        return None, str(error)
    return SheetParcel(tuple(items[: len(packed.sheet.cells)]), packed), ""


@dataclass(frozen=True, slots=True)
class SheetParcel:
    """Faces on a sheet."""

    items: tuple[Item, ...]
    packed: Packed

    @property
    def faces(self) -> int:
        """See Parcel."""
        return len(self.items)

    def send(self, service: PictureService) -> Heard:
        """See Parcel. Where each of two faces could be meant, neither is."""
        answer = service.detect(self.packed.picture)
        boxes = [face.box_xywh for face in answer.faces]
        given = assign(self.packed.sheet, boxes).answers
        said = [(item, Said((answer.faces[given[at]],))) for at, item in enumerate(self.items) if at in given]
        missing = tuple(item for at, item in enumerate(self.items) if at not in given)
        if len(self.items) == 1 and missing:
            said, missing = [(self.items[0], Said(note=NOTHING_SEEN))], ()
        return Heard(tuple(said), answer.transactions, answer.status, answer.request_id, missing)


@dataclass(frozen=True, slots=True)
class WholeParcel:
    """One whole picture."""

    items: tuple[Item, ...]
    whole: Whole
    faces: int = 0

    def send(self, service: PictureService) -> Heard:
        """See Parcel."""
        answer = service.detect(self.whole.picture)
        return Heard(((self.items[0], Said(answer.faces)),), answer.transactions, answer.status, answer.request_id)


@dataclass(frozen=True, slots=True)
class StackParcel:
    """Gray crops."""

    items: tuple[Item, ...]

    @property
    def faces(self) -> int:
        """See Parcel."""
        return len(self.items)

    def send(self, service: CropService) -> Heard:
        """See Parcel."""
        answer = service.score(np.stack([cast("Any", item.content) for item in self.items]))
        rows = [None] * len(self.items) if answer.scores is None else [tuple(map(float, row)) for row in answer.scores]
        faces = (
            ServiceFace((0.0, 0.0, 0.0, 0.0), scores, attributes)
            for scores, attributes in zip(rows, answer.attributes, strict=True)
        )
        said = tuple((item, Said((face,))) for item, face in zip(self.items, faces, strict=True))
        return Heard(said, answer.transactions, answer.status, answer.request_id)
