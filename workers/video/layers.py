"""What a packet's first bytes tell: whether others need its picture, and whether it stands alone."""

from collections.abc import Iterator

from workers.video.container import VideoPacket

_LOOK_AT_BYTES = 4096
"""Parameter sets and SEI come before the picture; what lies further back is not looked for."""
_START_CODE = b"\x00\x00\x01"


def hevc_layer(packet: VideoPacket) -> int:
    """The temporal layer of an HEVC picture, 0 for the base layer.

    A picture that its own layer does not refer to may be referred to by a higher one (H.265, 7.4.2.2), and the
    decoder's NONREF looks at the former only.
    """
    for unit in _units(packet):
        if unit[0] >> 1 & 63 < 32:  # a slice (H.265, table 7-1)
            return max(0, (unit[1] & 7) - 1)
    return 0


def refreshes_gradually(packet: VideoPacket) -> bool:
    """Whether an H.264 "key frame" is only the first of several that together make a whole picture (intra refresh).

    Pictures decoded from such a place on may differ a little from those of a full decode, for as long as the stream
    lasts: the recovery point is the encoder's promise, not always kept.
    """
    for unit in _units(packet):
        kind = unit[0] & 31
        if kind == 6:
            frames = _recovery_frames(unit[1:].replace(b"\x00\x00\x03", b"\x00\x00"))
            if frames is not None:
                return frames > 0
        elif kind in (1, 2, 5):
            return False
    return False


def _units(packet: VideoPacket) -> Iterator[bytes]:
    """The NAL units at the head of an H.264 or HEVC packet."""
    raw = memoryview(packet)
    ends = _ends_by_length(raw)
    if ends is None:
        yield from (unit for unit in bytes(raw[:_LOOK_AT_BYTES]).split(_START_CODE) if len(unit) > 1)
        return
    at = 0
    for end in ends:
        if end - at > 5:
            yield bytes(raw[at + 4 : min(end, at + _LOOK_AT_BYTES)])
        at = end


def _ends_by_length(raw: memoryview) -> list[int] | None:
    """Where each unit ends, if lengths of 4 bytes lead exactly to the end; None where start codes part the units.

    The first bytes cannot tell: a unit of 256 to 511 bytes has a length that looks like a start code.
    """
    ends: list[int] = []
    at = 0
    while at < len(raw):
        at += 4 + int.from_bytes(raw[at : at + 4])
        ends.append(at)
    return ends if at == len(raw) else None


def _recovery_frames(sei: bytes) -> int | None:
    """`recovery_frame_cnt` of the first recovery point in an SEI unit (H.264, 7.3.2.3.1 and D.1.8)."""
    at = 0
    while at + 2 < len(sei):
        kind, at = _ff_coded(sei, at)
        size, at = _ff_coded(sei, at)
        if kind == 6:
            return _exp_golomb(sei[at : at + size])
        at += size
    return None


def _ff_coded(raw: bytes, at: int) -> tuple[int, int]:
    total = 0
    while at < len(raw) and raw[at] == 0xFF:
        total, at = total + 255, at + 1
    return total + (raw[at] if at < len(raw) else 0), at + 1


def _exp_golomb(raw: bytes) -> int:
    """The first ue(v) of `raw`; 0 where there is none."""
    bits = "".join(f"{byte:08b}" for byte in raw[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1


def is_vp8_reference(packet: VideoPacket) -> bool:
    """Whether a VP8 frame is never shown: bit 4 of the frame tag is show_frame (RFC 6386, 9.1)."""
    return not bytes(memoryview(packet)[:1])[0] >> 4 & 1
