"""Many faces on one sheet: where each goes, and whose an answer is. Pure geometry; `sheets` draws and encodes it.

Services bill by picture and find up to a hundred faces in one. A sheet is a grid of equal cells, each with the crop of
one face, scaled to fit, and an empty margin around it. The service answers with boxes in no promised order, some faces
missing and others made up: an answer is a cell's only if it lies where that crop's face lies, has about its size,
touches no other crop, and has no rival. Whatever is in doubt is nobody's, and its face is to be sent again alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workers.services.base import PictureCard

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels."""

PICTURE_PX = 128
"""Longer side of a crop on a sheet. In a crop of 1.6 face heights, a face is 80 pixels high. Of all sizes that
benchmarks/packing.py measured, this one changed the scores least."""
MARGIN_PX = 16
"""Empty pixels around each crop: two neighbours lie twice as far apart."""
MOST_PICTURE_PX = 1024
LEAST_SHARE = 0.42
"""Of its crop's longer side, in a crop of 1.6 face heights, all but odd faces take up this at their narrowest."""
SPARE = 1.15
"""How much larger than the service's smallest face ours are: its boxes are not cut as ours."""

MOST_OFF = 0.35
"""How far an answer's centre may be from where the face is, in face sizes (the square root of the box's area)."""
SMALLEST, LARGEST = 0.45, 1.9
"""An answer's size in face sizes. Services cut faces differently: some from the brows down, some with the hair."""
LEAD = 0.15
"""How much better (in overlap, 0 to 1) than its rivals in a cell an answer has to be."""

_HD = (1920, 1080)


@dataclass(frozen=True, slots=True)
class CropShape:
    """A crop without its pixels: its size, and where the face lies in it (a box may reach over the crop's edge)."""

    width: int
    height: int
    face_xywh: Box


@dataclass(frozen=True, slots=True)
class Cell:
    """The place of one crop on a sheet."""

    picture_xywh: tuple[int, int, int, int]
    """Where the crop's pixels lie."""
    face_xywh: Box
    """Where its face lies: an answer is measured against that."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A grid of square cells, row by row: cell i holds crop i."""

    width: int
    height: int
    columns: int
    cell_px: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Assigned:
    """Whose the answers are."""

    answers: dict[int, int]
    """The number of the answer by the number of the crop."""
    missing: tuple[int, ...]
    """Crops without an answer of their own, to be sent again alone."""


class DoesNotFit(Exception):
    """More than the service takes in one picture: put fewer faces on the sheet."""


def plan(shapes: Sequence[CropShape], card: PictureCard, picture_px: int = PICTURE_PX) -> Sheet:
    """Where each crop goes, and at what size, so that every face is as large as the service wants it.

    One that takes up less of its crop than faces do (a narrow box, a crop too wide) is drawn as it is: alone, it is
    drawn larger. Raises DoesNotFit, and ValueError for no crops or one without a face.
    """
    if not shapes:
        raise ValueError("a sheet of no faces")
    share = min(map(_face_share, shapes))
    if len(shapes) > 1:
        share = max(share, LEAST_SHARE)
    while picture_px < MOST_PICTURE_PX and len(shapes) <= card.max_faces:
        sheet = _grid(shapes, picture_px)
        wanted_px = SPARE * card.min_face_px(sheet.width, sheet.height)
        if share * picture_px >= wanted_px and min(sheet.width, sheet.height) >= card.min_side_px:
            return sheet
        picture_px = max(picture_px + 1, math.ceil(wanted_px / share))
    if len(shapes) == 1:
        return _grid(shapes, MOST_PICTURE_PX)
    raise DoesNotFit(f"{len(shapes)} faces are too many for one picture to {card.title}")


def _face_share(shape: CropShape) -> float:
    """How much of its crop's longer side a face takes up, at its narrowest."""
    _, _, width, height = shape.face_xywh
    if not (shape.width > 0 and shape.height > 0 and width > 0 and height > 0):
        raise ValueError(f"no crop of a face: {shape}")
    return min(width, height) / max(shape.width, shape.height)


def _grid(shapes: Sequence[CropShape], picture_px: int) -> Sheet:
    cell_px = picture_px + 2 * MARGIN_PX
    columns = _columns(len(shapes))
    rows = -(-len(shapes) // columns)
    cells = (
        _cell(shape, picture_px, number % columns * cell_px, number // columns * cell_px)
        for number, shape in enumerate(shapes)
    )
    return Sheet(columns * cell_px, rows * cell_px, columns, cell_px, tuple(cells))


def _columns(count: int) -> int:
    """The grid that fills 16:9 best: services measure faces against that, and the rest would be empty."""

    def reach(columns: int) -> tuple[float, int]:
        rows = -(-count // columns)
        return max(columns / _HD[0], rows / _HD[1]), columns * rows

    return min(range(1, count + 1), key=reach)


def _cell(shape: CropShape, picture_px: int, x: int, y: int) -> Cell:
    """The crop scaled to fit `picture_px` and centred in the cell at (x, y)."""
    scale = picture_px / max(shape.width, shape.height)
    width, height = (max(1, round(length * scale)) for length in (shape.width, shape.height))
    left = x + MARGIN_PX + (picture_px - width) // 2
    top = y + MARGIN_PX + (picture_px - height) // 2
    face_x, face_y, face_width, face_height = shape.face_xywh
    scale_x, scale_y = width / shape.width, height / shape.height
    face = (left + face_x * scale_x, top + face_y * scale_y, face_width * scale_x, face_height * scale_y)
    return Cell((left, top, width, height), face)


def assign(sheet: Sheet, answers: Sequence[Box]) -> Assigned:
    """Whose each answered box is. No crop gets two, no box goes to two, and what is in doubt goes to none.

    What comes out does not hang on the order of the answers.
    """
    rivals: dict[int, list[tuple[float, int]]] = {}
    for number, box in enumerate(answers):
        at = _cell_of(sheet, box)
        if at is not None and _is_plausible(sheet, at, box):
            rivals.setdefault(at, []).append((overlap(box, sheet.cells[at].face_xywh), number))
    winners = {at: _winner(rivals[at]) for at in sorted(rivals)}
    given = {at: number for at, number in winners.items() if number is not None}
    return Assigned(given, tuple(at for at in range(len(sheet.cells)) if at not in given))


def _cell_of(sheet: Sheet, box: Box) -> int | None:
    """The cell that holds the box's centre on its picture."""
    x, y, width, height = box
    if not (all(map(math.isfinite, box)) and width > 0 and height > 0):
        return None
    middle_x, middle_y = x + width / 2, y + height / 2
    if not (0 <= middle_x < sheet.width and 0 <= middle_y < sheet.height):
        return None
    at = int(middle_y // sheet.cell_px) * sheet.columns + int(middle_x // sheet.cell_px)
    if at >= len(sheet.cells):
        return None
    left, top, picture_width, picture_height = sheet.cells[at].picture_xywh
    inside = left <= middle_x < left + picture_width and top <= middle_y < top + picture_height
    return at if inside else None


def _is_plausible(sheet: Sheet, at: int, box: Box) -> bool:
    """Whether the box can be that of the face in cell `at`, and of none beside it."""
    x, y, width, height = box
    face_x, face_y, face_width, face_height = sheet.cells[at].face_xywh
    size = math.sqrt(face_width * face_height)
    off_x = x + width / 2 - (face_x + face_width / 2)
    off_y = y + height / 2 - (face_y + face_height / 2)
    if math.hypot(off_x, off_y) > MOST_OFF * size or not SMALLEST <= math.sqrt(width * height) / size <= LARGEST:
        return False
    return len(sheet.cells) == 1 or _keeps_off_others(sheet, at, box)


def _keeps_off_others(sheet: Sheet, at: int, box: Box) -> bool:
    """Whether the box ends before any neighbour's crop can begin: a box over a border is nobody's."""
    x, y, width, height = box
    row, column = divmod(at, sheet.columns)
    left, top = column * sheet.cell_px - MARGIN_PX, row * sheet.cell_px - MARGIN_PX
    reach = sheet.cell_px + 2 * MARGIN_PX
    return left <= x and top <= y and x + width <= left + reach and y + height <= top + reach


def _winner(rivals: list[tuple[float, int]]) -> int | None:
    """The answer that fits best, by a clear lead, or none."""
    (best, number), *others = sorted(rivals, reverse=True)
    return number if not others or best - others[0][0] >= LEAD else None


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(0.0, width) * max(0.0, height)
    whole = one[2] * one[3] + other[2] * other[3] - common
    return common / whole if whole > 0 else 0.0
