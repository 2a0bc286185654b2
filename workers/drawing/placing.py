"""Where a face's bars go: below its box if that is free, else beside it, else within. Pure."""

from collections.abc import Sequence
from enum import StrEnum

from workers.drawing.covering import Region

Size = tuple[float, float]
"""Width and height."""


class Side(StrEnum):
    """Where they are, seen from the box; in the order in which places are tried."""

    BELOW = "below"
    RIGHT = "right"
    LEFT = "left"
    WITHIN = "within"
    """At its lower edge: always possible."""


def region_at(side: Side, box: Region, size: Size, picture: Size, gap: float) -> Region:
    """Where a panel of `size` lies on that side of a box, never below the picture."""
    width, height = size
    across, foot = (box.left + box.right - width) / 2, min(box.bottom, picture[1])
    left, top = {
        Side.BELOW: (across, box.bottom + gap),
        Side.RIGHT: (box.right + gap, foot - height),
        Side.LEFT: (box.left - gap - width, foot - height),
        Side.WITHIN: (across, foot - 2 * gap - height),
    }[side]
    return Region(left, top, left + width, top + height)


def choose(
    box: Region, size: Size, picture: Size, taken: Sequence[Region], *, gap: float, before: Side | None = None
) -> Side:
    """The first side where the panel lies within the picture and upon nothing that is taken; where it was, if it can.

    Where none is free, the first that lies within the picture.
    """
    sides = [*([] if before in (None, Side.WITHIN) else [before]), *Side]
    regions = {side: region_at(side, box, size, picture, gap) for side in sides}
    inside = [side for side in sides if _is_within(regions[side], picture)]
    free = (side for side in inside if side is Side.WITHIN or not any(overlap(regions[side], one) for one in taken))
    return next(free, inside[0] if inside else Side.WITHIN)


def pushed(region: Region, picture: Size) -> Region:
    """The region moved into the picture, as far as it fits."""
    width, height = region.right - region.left, region.bottom - region.top
    left = min(max(0.0, region.left), max(0.0, picture[0] - width))
    top = min(max(0.0, region.top), max(0.0, picture[1] - height))
    return Region(left, top, left + width, top + height)


def overlap(one: Region, other: Region) -> bool:
    """Whether they share more than an edge."""
    across = min(one.right, other.right) > max(one.left, other.left)
    return across and min(one.bottom, other.bottom) > max(one.top, other.top)


def _is_within(region: Region, picture: Size) -> bool:
    """Whether it lies in the picture, or would if it were moved aside a little."""
    spare = (region.right - region.left) / 4
    across = region.left >= -spare and region.right <= picture[0] + spare
    return across and region.top >= 0 and region.bottom <= picture[1]
