"""A file is what its first bytes say, whatever it is called."""

import pytest

from workers.video.sniff import HEAD_BYTES, sniff, transport_grid


def transport(size: int, before: int = 0, packets: int = 30) -> bytes:
    return (b"\xff" * before + b"\x47" + b"\x00" * (size - before - 1)) * packets


KNOWN = {
    b"\xff\xd8\xff\xe0": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"RIFF\x00\x00\x00\x00WEBPVP8 ": "webp",
    b"RIFF\x00\x00\x00\x00AVI LIST": "avi",
    b"BM" + bytes(12) + b"\x28\x00\x00\x00": "bmp",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
    b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00": "avif",
    b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00": "heic",
    b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif": "avif",
    b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00": "mp4",
    b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00": "mov",
    b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat": "mov",
    b"\x1a\x45\xdf\xa3\x01\x42\x82\x84webm": "webm",
    b"\x1a\x45\xdf\xa3\x01\x42\x82\x88matroska": "mkv",
    b"GIF89a": "gif",
    b"FLV\x01": "flv",
    b"\x00\x00\x01\xba": "mpeg",
    b"OggS\x00\x02" + bytes(20) + b"\x80theora": "ogg",
}


@pytest.mark.parametrize(("head", "name"), KNOWN.items(), ids=KNOWN.values())
def test_a_format_is_known_by_its_first_bytes(head: bytes, name: str) -> None:
    form = sniff(head + bytes(64))
    assert form is not None
    assert form.name == name


@pytest.mark.parametrize(
    "head",
    [
        b"ffconcat version 1.0\n",
        b"#EXTM3U\n",
        b"v=0\n",
        b"<?xml",
        b"BM is a company",
        b"RIFF....WAVE",
        b"ID3",
        b"G",
        b"",
    ],
)
def test_text_sound_and_fragments_are_none(head: bytes) -> None:
    assert sniff(head) is None


def test_music_in_an_mp4_or_an_ogg_is_no_concern_of_ours() -> None:
    assert sniff(b"\x00\x00\x00\x1cftypM4A \x00\x00\x00\x00") is None
    assert sniff(b"OggS\x00\x02" + bytes(20) + b"\x01vorbis") is None


@pytest.mark.parametrize(("size", "before"), [(188, 0), (192, 4), (204, 0)])
@pytest.mark.parametrize("skipped", [0, 77, 187])
def test_a_transport_stream_is_known_from_any_byte_on(size: int, before: int, skipped: int) -> None:
    head = transport(size, before)[skipped : skipped + HEAD_BYTES]
    assert transport_grid(head) == (size, -skipped % size)


def test_what_no_reader_is_forced_on_is_not_supported() -> None:
    for head in (b"GIF89a", b"FLV\x01", b"\x00\x00\x01\xba"):
        form = sniff(head)
        assert form is not None
        assert not form.supported
