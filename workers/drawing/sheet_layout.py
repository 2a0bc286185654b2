"""Where the parts of a contact sheet lie: its head, and its cells in rows. Pure; lengths are pixels."""

from dataclasses import dataclass
from typing import Self

WIDTH = 1680
COLUMNS = 4
COLUMNS_UPRIGHT = 6
"""Of recordings that are higher than wide."""
MARGIN = 28
GAP = 14
TITLE, TEXT = 32, 19
CHIP = 15
CAPTION = 34
"""The strip below each cell."""
HIGHEST_CELL = 1200


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """The places of a sheet with so many cells and lines in its head."""

    cells: int
    columns: int
    cell_width: int
    cell_height: int
    lines: int

    @classmethod
    def of(cls, width: int, height: int, cells: int, lines: int) -> Self:
        """For pictures of this shape."""
        columns = COLUMNS_UPRIGHT if height > width else COLUMNS
        cell = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) // columns
        return cls(cells, columns, cell, min(HIGHEST_CELL, max(1, round(cell * height / width))), lines)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole."""
        rows = -(-self.cells // self.columns)
        return WIDTH, self._top + rows * (self.cell_height + CAPTION + GAP) + MARGIN - GAP

    def cell(self, at: int) -> tuple[int, int]:
        """The top left corner of a cell."""
        row, column = divmod(at, self.columns)
        return MARGIN + column * (self.cell_width + GAP), self._top + row * (self.cell_height + CAPTION + GAP)

    def line(self, at: int) -> int:
        """Where a line of the head stands; line 0 is the title, the one after the last the legend."""
        return MARGIN + TITLE + (round((0.35 + 1.55 * at) * TEXT) if at else 0)

    @property
    def _top(self) -> int:
        return self.line(self.lines + 1) + MARGIN
