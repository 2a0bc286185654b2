"""The small pictures that go with a face: who it is and what it shows most, and a bar for each emotion."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from db.emotions import EMOTIONS
from workers.drawing.canvas import Stamp
from workers.drawing.lettering import Font, font, lettered
from workers.drawing.palette import EMOTION_COLOURS, INK, PANEL, RAIL, SOFT, Colour, ink_on, track_colour
from workers.drawing.work import NO_TRACK, NOT_SCORED

PANEL_OPACITY = 184
BAR_LETTERS = 2
"""The beginning of each emotion's name stands under its bar: no two begin alike."""
LEAST_TEXT_PX = 11
SIZES = (1.0, 0.8, 0.65, 0.5)
"""Of letters, as parts of the ordinary size: small faces have smaller ones, and few sizes do not flicker."""
TEXT_OF_FACE = 0.14
"""Letters are no higher than this part of a face, as far as SIZES allow."""


def text_px(shorter_side_px: float) -> int:
    """How high letters are on a picture: 13 px at 360, 23 at 720, 33 at 1080, 60 at 2160."""
    return max(LEAST_TEXT_PX, round(13 * math.pow(shorter_side_px / 360, 0.85)))


def text_px_at(face_height_px: float, ordinary_px: int) -> int:
    """How high letters are at a face."""
    wanted = face_height_px * TEXT_OF_FACE
    part = next((part for part in SIZES if part * ordinary_px <= wanted), SIZES[-1])
    return max(LEAST_TEXT_PX, round(part * ordinary_px))


def label(track: int, emotion: int, percent: int, size_px: int) -> Stamp | None:
    """A track's number on its colour, and the emotion shown most with its probability; None where neither is known."""
    words = f"{EMOTIONS[emotion]} {percent} %" if emotion != NOT_SCORED else ""
    number = str(track) if track != NO_TRACK else ""
    letters, pad = font(size_px), max(2, round(size_px * 0.3))
    height = size_px + 2 * pad
    chip = max(height, math.ceil(letters.getlength(number)) + 2 * pad) if number else 0
    width = chip + (math.ceil(letters.getlength(words)) + 3 * pad if words else 0)
    if not width:
        return None
    panel, foot = _Panel(width, height), height / 2 + size_px * 0.36
    if number:
        colour = track_colour(track)
        panel.block((0, 0, chip - 1, height), colour)
        panel.words(number, (chip / 2, foot), letters, ink_on(colour), "ms")
    if words:
        panel.words(words, (chip + 1.5 * pad, foot), letters, INK, "ls")
    return panel.stamp()


def bars(scores: Sequence[float], dominant: int, box_width_px: float, size_px: int) -> Stamp:
    """A column for each emotion in their order, as high as it is probable; what was not scored has none."""
    small = max(LEAST_TEXT_PX - 1, round(size_px * 0.7))
    letters = font(small)
    names = [name[:BAR_LETTERS].capitalize() for name in EMOTIONS]
    narrowest = max(math.ceil(letters.getlength(name)) for name in names) + max(3, small // 3)
    column = max(narrowest, min(round(box_width_px / len(names)), round(size_px * 1.9)))
    rise, pad, gap = round(size_px * 2.2), max(2, round(size_px * 0.25)), max(1, column // 8)
    panel, foot = _Panel(column * len(names), rise + small + 3 * pad), pad + rise
    for at, (name, colour) in enumerate(zip(names, EMOTION_COLOURS, strict=True)):
        left, right = at * column + gap, (at + 1) * column - gap - 1
        panel.block((left, pad, right, foot), RAIL)
        if math.isfinite(scores[at]):
            high = round(rise * min(1.0, max(0.0, scores[at])))
            panel.block((left, foot - high, right, foot), colour)
        ink = INK if at == dominant else SOFT
        panel.words(name, (at * column + column / 2, foot + pad + small * 0.8), letters, ink, "ms")
    return panel.stamp()


def slim_bars(scores: Sequence[float], width: int, height: int) -> Stamp:
    """The same without letters, in a pane of this size: for where it must lie upon the face itself."""
    panel, column = _Panel(width, height), width / len(EMOTIONS)
    for at, colour in enumerate(EMOTION_COLOURS):
        if math.isfinite(scores[at]):
            high = round((height - 1) * min(1.0, max(0.0, scores[at])))
            panel.block((round(at * column), height - high, round((at + 1) * column) - 2, height), colour)
    return panel.stamp()


def note(text: str, size_px: int) -> Stamp:
    """A few words on a panel: the time, say."""
    text, letters = lettered(text, size_px)
    pad = max(2, round(size_px * 0.35))
    panel = _Panel(math.ceil(letters.getlength(text)) + 2 * pad, size_px + 2 * pad)
    panel.words(text, (pad, pad + size_px * 0.86), letters, INK, "ls")
    return panel.stamp()


class _Panel:
    """A dark pane that the picture shines through; what is drawn upon it is opaque."""

    def __init__(self, width: int, height: int) -> None:
        self._colours = Image.new("RGB", (width, height), PANEL)
        self._opacity = Image.new("L", (width, height), PANEL_OPACITY)
        self._on = ImageDraw.Draw(self._colours), ImageDraw.Draw(self._opacity)

    def block(self, edges: tuple[float, float, float, float], colour: Colour) -> None:
        """A rectangle: left, top, right and bottom pixel."""
        self._on[0].rectangle(edges, fill=colour)
        self._on[1].rectangle(edges, fill=255)

    def words(self, text: str, place: tuple[float, float], letters: Font, colour: Colour, anchor: str) -> None:
        """Text; `anchor` as in Pillow."""
        self._on[0].text(place, text, font=letters, fill=colour, anchor=anchor)
        self._on[1].text(place, text, font=letters, fill=255, anchor=anchor)

    def stamp(self) -> Stamp:
        """What was drawn."""
        return Stamp(np.dstack((np.asarray(self._colours), np.asarray(self._opacity))))
