"""What a service said of one thing that it was sent, as it is kept: so that it is never asked, nor paid, again."""

from dataclasses import dataclass
from typing import Any

import msgspec

from db.records import Face
from workers.services.base import ServiceFace
from workers.services.packing import Box, overlap

SAME = 0.9
"""A face found again lies where it lay, but for what another processor rounds otherwise; overlap, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Said:
    """The faces that a service saw: of a face that was sent, one or none; of a whole picture, any number."""

    faces: tuple[ServiceFace, ...] = ()
    note: str | None = None
    """Why there is none, where one was sent."""


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON. `box` is the sent face's in its frame; None of a whole picture."""

    box: Box | None
    faces: tuple[ServiceFace, ...]
    note: str | None = None


def box_of(face: Face | None) -> Box | None:
    """Where a face lies in its frame."""
    return None if face is None else (face.box_x, face.box_y, face.box_width, face.box_height)


def to_json(said: Said, face: Face | None) -> str:
    """As it is stored; `face` is the one that was sent, None for a whole picture."""
    return msgspec.json.encode(_Kept(box_of(face), said.faces, said.note)).decode()


def from_json(text: str, face: Face | None) -> Said | None:
    """What was said of this very face; None where it was said of another: faces of a frame are numbered, and where a
    detector changed its mind about one, the numbers of others move.
    """
    try:
        kept: Any = msgspec.json.decode(text, type=_Kept)
    except msgspec.MsgspecError:
        return None  # another version wrote it
    box = box_of(face)
    if (box is None) != (kept.box is None) or (box is not None and overlap(box, kept.box) < SAME):
        return None
    return Said(kept.faces, kept.note)
