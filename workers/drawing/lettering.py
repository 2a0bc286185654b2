"""Words in pictures: a font that comes with Pillow; for names in other scripts one of the system's, if it has any."""

import unicodedata
from functools import cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont

SYSTEM_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial Unicode.ttf"),
    *("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "unifont.ttf"),
)
"""Looked for in this order by their names alone, wherever the system keeps fonts."""
LACKING = "?"
_NOBODYS = "\U0010ffff"
"""A character that no font has: what is drawn for it is drawn for all that are lacking."""


@cache
def font(size_px: int) -> Font:
    """Pillow's own font."""
    made = ImageFont.load_default(size_px)
    if not isinstance(made, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType")
    return made


def lettered(text: str, size_px: int) -> tuple[str, Font]:
    """The text as it can be drawn, and the font to draw it with: the first that lacks least of it.

    What that one lacks loses its accents, and becomes `?` where it still lacks it.
    """
    best, least = font(size_px), _lacking(font(size_px), text)
    for name in SYSTEM_FONTS if least else ():
        other = _system_font(name, size_px)
        if other is not None and (lacking := _lacking(other, text)) < least:
            best, least = other, lacking
    return "".join(_nearest(best, char) for char in text), best


def shortened(text: str, most_px: int, using: Font) -> str:
    """The text, or its beginning and its end where it is wider than `most_px`."""
    if using.getlength(text) <= most_px:
        return text
    kept = len(text)
    while kept > 2 and using.getlength(_cut(text, kept)) > most_px:
        kept -= 1
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    return f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"


def _lacking(using: Font, text: str) -> int:
    return sum(not _has(using, char) for char in text)


@cache
def _system_font(name: str, size_px: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size_px)
    except OSError:
        return None


def _nearest(using: Font, char: str) -> str:
    bare = unicodedata.normalize("NFKD", char)[:1]
    return next((one for one in (char, bare) if one and _has(using, one)), LACKING)


@cache
def _has(using: Font, char: str) -> bool:
    if char == " ":
        return True
    drawn, lacking = (using.getmask(one) for one in (char, _NOBODYS))
    return drawn.size != lacking.size or bytes(drawn) != bytes(lacking)
