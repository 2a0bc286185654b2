"""Everything a video says of its packets without decoding one: the ground that sampling and plans stand on."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from db.records import MediaFacts, Timing
from workers.video.container import VideoPacket

NO_PTS = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Clock:
    """How a video's timestamps become seconds."""

    time_base: Fraction
    start_us: int
    first_pts: int
    """The first presented frame; the sampling grid is anchored here."""
    end_pts: int
    """The end of the last presented frame."""

    @classmethod
    def of(cls, facts: MediaFacts) -> "Clock":
        """The clock of a probed video."""
        time_base = Fraction(facts.time_base_num, facts.time_base_den)
        return cls(time_base, facts.start_us, facts.first_pts, facts.end_pts)

    def seconds(self, pts: int) -> Fraction:
        """`time_s`, exactly: PTS x time base - the container's start."""
        return pts * self.time_base - Fraction(self.start_us, 1_000_000)

    def ticks(self, time_s: Fraction) -> Fraction:
        """The inverse of `seconds`; may fall between two ticks."""
        return (time_s + Fraction(self.start_us, 1_000_000)) / self.time_base


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """The packets of a stretch of video in decode order; arrays of equal length."""

    pts: NDArray[np.int64]
    """Presentation timestamps; NO_PTS where a packet has none."""
    dts: NDArray[np.int64]
    duration: NDArray[np.int64]
    key: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    """False for packets that are decoded but never presented: cut off by an edit list, or a reference only."""
    corrupt: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def timing(self) -> Timing:
        """`derived` where a presented packet has no PTS, or one that another has too."""
        shown = self.pts[self.shown]
        usable = not (shown == NO_PTS).any() and len(np.unique(shown)) == len(shown)
        return "pts" if usable else "derived"

    def presented(self) -> NDArray[np.int64]:
        """The PTS of every presented frame, ascending. Derived: the i-th frame has the i-th smallest stamp, made
        strictly ascending a tick at a time.
        """
        if self.timing == "pts":
            return np.sort(self.pts[self.shown])
        stamps = np.where(self.pts == NO_PTS, self.dts, self.pts)[self.shown]
        if (stamps == NO_PTS).any() or len(np.unique(stamps)) < len(stamps):
            stamps = self.dts[self.shown]
        stamps = np.sort(np.where(stamps == NO_PTS, np.arange(len(stamps)), stamps))
        steps = np.arange(len(stamps))
        return np.maximum.accumulate(stamps - steps) + steps

    def without_broken_tail(self) -> "PacketIndex":
        """The same without the packets at the end that are marked corrupt: half a packet is no frame."""
        whole = np.flatnonzero(~self.corrupt)
        end = int(whole[-1]) + 1 if whole.size else 0
        return self[:end]

    def __getitem__(self, part: slice) -> "PacketIndex":
        return PacketIndex(
            self.pts[part], self.dts[part], self.duration[part], self.key[part], self.shown[part], self.corrupt[part]
        )


def index_packets(packets: Iterable[VideoPacket], codec: str, trusts_pts: bool = True) -> PacketIndex:
    """Read packets to their end into an index; without trust their PTS count as absent."""
    rows: list[tuple[int, int, int, bool, bool, bool]] = []
    for packet in packets:
        pts = NO_PTS if packet.pts is None or not trusts_pts else packet.pts
        dts = NO_PTS if packet.dts is None else packet.dts
        shown = not packet.is_discard and not (codec == "vp8" and _is_vp8_reference(packet))
        rows.append((pts, dts, packet.duration or 0, packet.is_keyframe, shown, packet.is_corrupt))
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    pts_, dts_, duration, key, shown_, corrupt = columns
    return PacketIndex(
        np.array(pts_, np.int64),
        np.array(dts_, np.int64),
        np.array(duration, np.int64),
        np.array(key, np.bool_),
        np.array(shown_, np.bool_),
        np.array(corrupt, np.bool_),
    )


def _is_vp8_reference(packet: VideoPacket) -> bool:
    """Whether a VP8 frame is never shown: bit 4 of the frame tag is show_frame (RFC 6386, 9.1)."""
    return not bytes(memoryview(packet)[:1])[0] >> 4 & 1
