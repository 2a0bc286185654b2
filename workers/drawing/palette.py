"""The colours of what is drawn: RGB, 0 to 255. Tracks and emotions stay apart for every kind of colour vision."""

Colour = tuple[int, int, int]

INK: Colour = (255, 255, 255)
SOFT: Colour = (178, 182, 190)
PANEL: Colour = (16, 18, 22)
"""Behind words and bars."""
RAIL: Colour = (46, 49, 56)
"""What a bar fills."""

EMOTION_COLOURS: tuple[Colour, ...] = (
    (0x6B, 0x70, 0x80),
    (0xF2, 0xA3, 0x10),
    (0xB6, 0xD8, 0xFB),
    (0x46, 0x5E, 0xF4),
    (0xE9, 0x27, 0x29),
    (0x50, 0xBB, 0xA2),
    (0xA9, 0x5F, 0xC7),
    (0xD3, 0xB9, 0x79),
)
"""In the order of EMOTIONS: those that a report has on dark ground."""

_TRACK_COLOURS: tuple[Colour, ...] = (
    (0x56, 0xB4, 0xE9),
    (0xE6, 0x9F, 0x00),
    (0x00, 0x9E, 0x73),
    (0xCC, 0x79, 0xA7),
    (0xF0, 0xE4, 0x42),
    (0x00, 0x72, 0xB2),
    (0xD5, 0x5E, 0x00),
    (0xFF, 0xFF, 0xFF),
)
"""Okabe and Ito's (Color Universal Design), brightest first, and white for their black."""
_NO_TRACK: Colour = (0xD8, 0xDA, 0xDE)


def track_colour(track: int) -> Colour:
    """The colour of a track, counted from 1, the same in every picture; gray where there is none."""
    return _TRACK_COLOURS[(track - 1) % len(_TRACK_COLOURS)] if track > 0 else _NO_TRACK


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever is easier to read on a colour."""
    red, green, blue = colour
    return PANEL if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else INK
