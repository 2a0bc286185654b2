"""Draws upon a frame what was seen in it: boxes in the colours of their tracks, labels, bars; or covers the faces."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np

from db.records import MediaFacts
from workers.drawing import stamps
from workers.drawing.canvas import Canvas, Stamp
from workers.drawing.covering import LEAST_S, Covering, Region
from workers.drawing.film_clock import clock_words
from workers.drawing.holding import Boxes, Holding
from workers.drawing.mosaic import ANEW_S, Mosaic
from workers.drawing.palette import PANEL, track_colour
from workers.drawing.placing import Side, choose, overlap, pushed, region_at
from workers.drawing.work import NOT_SCORED, Look, Seen
from workers.video.index import Clock

STAMPS_KEPT = 256
"""Labels of one recording: they come again and again."""
SLIM = 0.22
"""Height of bars that must lie upon the face, in parts of it."""


class Painter:
    """Paints the frames of one recording in the order of time. `scale`: pixels drawn per pixel of the recording."""

    def __init__(self, seen: Seen, facts: MediaFacts, look: Look, scale: float = 1.0) -> None:
        clock = Clock.of(facts) if facts.kind == "video" else None
        tick_s = Fraction(1) if clock is None else clock.time_base
        self._seen = seen
        self._look = look
        self._scale = scale
        self._clock = clock
        self._holding = Holding(seen)
        least = None if clock is None else round(Fraction(LEAST_S) / tick_s)
        self._covering = Covering(seen, facts.width, facts.height, least) if look.blur else None
        self._mosaic = Mosaic(round(Fraction(ANEW_S) / tick_s))
        self._size_px = stamps.text_px(min(facts.width, facts.height) * scale)
        self._label = lru_cache(STAMPS_KEPT)(stamps.label)
        self._note = lru_cache(STAMPS_KEPT)(stamps.note)
        self._sides: dict[int, Side] = {}
        self._bars: dict[int, Stamp] = {}

    def paint(self, canvas: Canvas, pts: int) -> None:
        """Paint the frame shown at `pts`."""
        if self._covering is not None:
            regions = self._covering.at(pts)
            self._mosaic.cover(canvas, pts, {key: self._scaled(region) for key, region in regions.items()})
        if self._look.boxes:
            self._paint_faces(canvas, self._holding.faces(pts))
        if self._look.clock and self._clock is not None:
            words = clock_words(float(self._clock.seconds(pts)), tenths=True)
            edge = self._size_px * 0.6
            canvas.press(self._note(words, self._size_px), edge, edge)

    def _paint_faces(self, canvas: Canvas, faces: list[tuple[int, Boxes]]) -> None:
        boxes = {face: self._region(box) for face, box in faces}
        for face, box in boxes.items():
            self._outline(canvas, box, int(self._seen.track[face]))
        taken = [*boxes.values()]
        for face, box in boxes.items():
            taken += self._press_label(canvas, face, box, taken)
        for face, box in boxes.items():
            taken += self._press_bars(canvas, face, box, taken)
        self._bars = {face: stamp for face, stamp in self._bars.items() if face in boxes}
        shown = {int(self._seen.track[face]) for face in boxes}
        self._sides = {track: side for track, side in self._sides.items() if track in shown}

    def _outline(self, canvas: Canvas, box: Region, track: int) -> None:
        """Four edges with a dark rim, to be seen on any ground."""
        thick = max(2, round(self._size_px * 0.16))
        for out, colour, opacity in ((1, PANEL, 0.55), (0, track_colour(track), 1.0)):
            left, top, right, bottom = box.left - out, box.top - out, box.right + out, box.bottom + out
            wide = thick + 2 * out
            for edge in (
                Region(left, top, right, top + wide),
                Region(left, bottom - wide, right, bottom),
                Region(left, top + wide, left + wide, bottom - wide),
                Region(right - wide, top + wide, right, bottom - wide),
            ):
                canvas.fill(edge, colour, opacity)

    def _press_label(self, canvas: Canvas, face: int, box: Region, taken: Sequence[Region]) -> list[Region]:
        """Above the box; within it where that is no part of the picture, or lies upon something else."""
        stamp = self._label(*self._told(face), self._text_px(face))
        if stamp is None:
            return []
        width, height = stamp.width, stamp.height
        above = Region(box.left - 1, box.top - height, box.left - 1 + width, box.top)
        within = Region(box.left, box.top, box.left + width, box.top + height)
        is_free = above.top >= 0 and not any(overlap(above, other) for other in taken if other is not box)
        region = pushed(above if is_free else within, (canvas.width, canvas.height))
        canvas.press(stamp, region.left, region.top)
        return [region]

    def _press_bars(self, canvas: Canvas, face: int, box: Region, taken: Sequence[Region]) -> list[Region]:
        if not np.isfinite(self._seen.scores[face]).any():
            return []
        stamp = self._bars_of(face)
        track, picture = int(self._seen.track[face]), (canvas.width, canvas.height)
        size, gap = (stamp.width, stamp.height), max(2, round(self._size_px * 0.2))
        others = [one for one in taken if one is not box]
        side = self._sides[track] = choose(box, size, picture, others, gap=gap, before=self._sides.get(track))
        if side is Side.WITHIN and stamp.width > box.right - box.left:
            width, height = max(8, round(box.right - box.left)), max(4, round((box.bottom - box.top) * SLIM))
            stamp, size = stamps.slim_bars(self._seen.scores[face].tolist(), width, height), (width, height)
        region = pushed(region_at(side, box, size, picture, gap), picture)
        canvas.press(stamp, region.left, region.top)
        return [region]

    def _told(self, face: int) -> tuple[int, int, int]:
        """Track, emotion and its probability in percent, as far as they are known."""
        emotion = int(self._seen.dominant[face])
        share = float(self._seen.scores[face, emotion]) if emotion != NOT_SCORED else 0.0
        return int(self._seen.track[face]), emotion, round(share * 100) if np.isfinite(share) else 0

    def _bars_of(self, face: int) -> Stamp:
        """Made once for as long as the face is held."""
        if face not in self._bars:
            scores, width = self._seen.scores[face].tolist(), float(self._seen.xywh[face, 2]) * self._scale
            self._bars[face] = stamps.bars(scores, int(self._seen.dominant[face]), width, self._text_px(face))
        return self._bars[face]

    def _text_px(self, face: int) -> int:
        return stamps.text_px_at(float(self._seen.xywh[face, 3]) * self._scale, self._size_px)

    def _region(self, xywh: Boxes) -> Region:
        x, y, width, height = map(float, xywh * self._scale)
        return Region(x, y, x + width, y + height)

    def _scaled(self, region: Region) -> Region:
        scale = self._scale
        return Region(region.left * scale, region.top * scale, region.right * scale, region.bottom * scale)
