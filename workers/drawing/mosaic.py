"""Making what is in a region unrecognisable: a few blots of colour, and seldom new ones."""

from collections.abc import Hashable, Mapping

from workers.drawing.canvas import Canvas, Coarse
from workers.drawing.covering import Region

CELLS = 6
"""Blots across a region: four across a face, light and colour but nobody's features."""
ANEW_S = 0.5
"""Blots stay for so long: from many frames of a moving face, each reduced anew, a sharper one could be put together."""


class Mosaic:
    """Covers regions frame by frame; `anew` is ANEW_S in ticks."""

    def __init__(self, anew: int) -> None:
        self._anew = anew
        self._taken: dict[Hashable, tuple[int, Coarse]] = {}

    def cover(self, canvas: Canvas, pts: int, regions: Mapping[Hashable, Region]) -> None:
        """Cover the regions of a frame, each by whom it covers."""
        shown = {key: region for key, region in regions.items() if canvas.shows(region)}
        self._taken = {key: taken for key, taken in self._taken.items() if key in shown}
        for key, region in shown.items():
            taken = self._taken.get(key)
            if taken is None or not 0 <= pts - taken[0] < self._anew:
                self._taken[key] = taken = (pts, canvas.coarse(region, CELLS))
        for key, region in shown.items():
            canvas.cover(region, self._taken[key][1])
