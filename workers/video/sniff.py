"""What a file is, by its first bytes: the only thing that decides which reader may open it."""

from dataclasses import dataclass

from db.records import MediaKind

HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Format:
    """A container or still format and the one reader that is forced on it."""

    name: str
    kind: MediaKind
    reader: str
    """libavformat's demuxer, or Pillow's format; empty where we read none."""

    @property
    def supported(self) -> bool:
        """Whether we read it."""
        return bool(self.reader)


JPEG = Format("jpeg", "photo", "JPEG")
PNG = Format("png", "photo", "PNG")
WEBP = Format("webp", "photo", "WEBP")
BMP = Format("bmp", "photo", "BMP")
TIFF = Format("tiff", "photo", "TIFF")
AVIF = Format("avif", "photo", "AVIF")
HEIC = Format("heic", "photo", "HEIF")
GIF = Format("gif", "photo", "")
MP4 = Format("mp4", "video", "mov")
MOV = Format("mov", "video", "mov")
MKV = Format("mkv", "video", "matroska")
WEBM = Format("webm", "video", "matroska")
AVI = Format("avi", "video", "avi")
MPEGTS = Format("mpegts", "video", "mpegts")
MPEGPS = Format("mpeg", "video", "")
FLV = Format("flv", "video", "")
ASF = Format("asf", "video", "")
OGG = Format("ogg", "video", "")

_BY_SIGNATURE = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),
    (b"MM\x00+", TIFF),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"FLV\x01", FLV),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ASF),
    (b"\x00\x00\x01\xba", MPEGPS),
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_AUDIO_BRANDS = frozenset((b"M4A ", b"M4B ", b"M4P "))
_OLD_QUICKTIME_ATOMS = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))
_BMP_HEADER_SIZES = frozenset((12, 16, 40, 52, 56, 64, 108, 124))


def sniff(head: bytes) -> Format | None:
    """The format of a file that begins with `head` (up to HEAD_BYTES), or None where it is no media we know of."""
    for signature, known in _BY_SIGNATURE:
        if head.startswith(signature):
            return known
    return _riff(head) or _iso(head) or _ogg(head) or _matroska(head) or _bmp(head) or _mpegts(head)


def _riff(head: bytes) -> Format | None:
    if not head.startswith((b"RIFF", b"RIFX")):
        return None
    return {b"WEBP": WEBP, b"AVI ": AVI}.get(head[8:12])


def _iso(head: bytes) -> Format | None:
    atom = head[4:8]
    if atom != b"ftyp":
        return MOV if atom in _OLD_QUICKTIME_ATOMS else None
    brand = head[8:12]
    if brand in _AUDIO_BRANDS:
        return None
    if brand in _AVIF_BRANDS:
        return AVIF
    if brand in _HEIC_BRANDS:
        # `mif1` is any still in this family: its other brands say whether AV1 or HEVC is inside.
        others = {head[at : at + 4] for at in range(16, min(int.from_bytes(head[:4]), len(head)), 4)}
        return AVIF if others & _AVIF_BRANDS else HEIC
    return MOV if brand == b"qt  " else MP4


def _ogg(head: bytes) -> Format | None:
    """Ogg is a video only with Theora in it; music in the folder is no concern of ours."""
    return OGG if head.startswith(b"OggS") and b"theora" in head else None


def _matroska(head: bytes) -> Format | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return WEBM if b"webm" in head[:128] else MKV


def _bmp(head: bytes) -> Format | None:
    is_bmp = head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES
    return BMP if is_bmp else None


def _mpegts(head: bytes) -> Format | None:
    return MPEGTS if transport_grid(head) else None


def transport_grid(head: bytes) -> tuple[int, int] | None:
    """Size of the packets of a transport stream that begins with `head`, and where the first whole one starts.

    188 bytes, 192 with a timestamp before each, as camcorders write them, 204 with error correction behind. A
    recording may begin in the middle of a packet.
    """
    for size, sync in ((188, 0), (192, 4), (204, 0)):
        if _in_step(head, size, sync, least=3):
            return size, 0
    for size, before in ((188, 0), (192, 4), (204, 0)):
        for sync in range(before, size + before):
            if _in_step(head, size, sync, least=8):
                return size, sync - before
    return None


def _in_step(head: bytes, size: int, at: int, least: int) -> bool:
    syncs = head[at::size]
    return len(syncs) >= least and not syncs.strip(b"\x47")
