"""The size of a JPEG or PNG as a person sees it, read by hand from its header: a parent decodes no picture."""

import struct

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_NO_FRAME = (0xC4, 0xC8, 0xCC)
"""Markers between SOF0 and SOF15 that begin no frame (ITU T.81, table B.1)."""
_ALONE = (0x01, *range(0xD0, 0xD9))
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
"""EXIF orientations whose width is seen as the height."""


def seen_size(picture: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; None where it is neither a JPEG nor a PNG, or its header is damaged."""
    try:
        if picture.startswith(_PNG) and picture[12:16] == b"IHDR":
            width, height = struct.unpack_from(">II", picture, 16)
        elif picture.startswith(_JPEG):
            width, height = _jpeg_size(picture)
        else:
            return None
    except (struct.error, IndexError):  # it ends within its header
        return None
    return (width, height) if width and height else None


def _jpeg_size(picture: bytes) -> tuple[int, int]:
    """The frame's size, turned as the first EXIF says. Raises IndexError or struct.error where there is no frame."""
    at, turned = 2, False
    while True:
        if picture[at] != 0xFF:
            raise IndexError("no marker where one belongs")
        marker = picture[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", picture, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", picture, at + 5)
            return (height, width) if turned else (width, height)
        if marker == 0xE1 and picture[at + 4 : at + 10] == b"Exif\0\0":
            turned = _is_turned(picture[at + 10 : at + 2 + length])
        at += 2 + length


def _is_turned(tiff: bytes) -> bool:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return False
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return kind == 3 and value in _TURNED  # 3: a SHORT
    except struct.error:
        return False
    return False
