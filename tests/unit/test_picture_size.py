"""A picture's size, read by hand from its header, is what a real decoder says; and no bytes break the reading."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workers.services.picture_size import seen_size


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [None, 1, 3, 6, 8])
def test_a_pictures_size_is_read_as_a_person_sees_it(form: str, orientation: int | None) -> None:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    written = io.BytesIO()
    Image.new("RGB", (31, 17)).save(written, form, exif=exif)
    turned = form == "JPEG" and orientation in (6, 8)
    assert seen_size(written.getvalue()) == ((17, 31) if turned else (31, 17))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_damaged_header_has_no_size(progressive: bool) -> None:
    written = io.BytesIO()
    Image.new("RGB", (31, 17)).save(written, "JPEG", progressive=progressive, comment=b"x" * 70)
    whole = written.getvalue()
    assert seen_size(whole) == (31, 17)
    for end in range(160):
        assert seen_size(whole[:end]) in (None, (31, 17))
    assert seen_size(b"GIF89a") is None


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reading_of_a_size(noise: bytes) -> None:
    for start in (b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1\x00\x40Exif\0\0II*\0\x08\0\0\0", b""):
        size = seen_size(start + noise)
        assert size is None or min(size) > 0
