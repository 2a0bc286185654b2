"""Everything a video says of its packets without decoding one: the ground that sampling and plans stand on."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from db.records import MediaFacts, Timing
from workers.video.container import VideoPacket
from workers.video.derive import NO_PTS, derived_stamps
from workers.video.layers import hevc_layer, is_vp8_reference, refreshes_gradually


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
    """The packets of a stretch of video in decode order; arrays of equal length, 28 bytes a packet in all."""

    pts: NDArray[np.int64]
    """Presentation timestamps; NO_PTS where a packet has none."""
    dts: NDArray[np.int64]
    duration: NDArray[np.int64]
    key: NDArray[np.bool_]
    """Where decoding may start: what is shown from here on looks as if it had started at the beginning."""
    shown: NDArray[np.bool_]
    """False for packets that are decoded but never presented: cut off by an edit list, or a reference only."""
    corrupt: NDArray[np.bool_]
    layer: NDArray[np.int8]
    """HEVC's temporal layer; 0 for every other codec."""

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def timing(self) -> Timing:
        """`derived` where a presented packet has no PTS or another's, or where time runs backwards: key frames are
        coded in the order they are shown in.
        """
        shown = self.pts[self.shown]
        keys = self.pts[self.shown & self.key]
        usable = not (shown == NO_PTS).any() and len(np.unique(shown)) == len(shown) and bool((np.diff(keys) > 0).all())
        return "pts" if usable else "derived"

    def presented(self) -> NDArray[np.int64]:
        """The stamp of every presented frame, strictly ascending. Derived: the i-th frame has the i-th."""
        if self.timing == "pts":
            return np.sort(self.pts[self.shown])
        return derived_stamps(self.pts[self.shown], self.dts[self.shown], self.duration[self.shown])

    def keys(self) -> NDArray[np.int64]:
        """The stamps of the presented key frames, ascending. Derived: as near as the order of decoding tells."""
        if self.timing == "pts":
            return np.sort(self.pts[self.key & self.shown])
        return self.presented()[self.key[self.shown]]

    def without_broken_tail(self) -> "PacketIndex":
        """The same without the packets at the end that are marked corrupt: half a packet is no frame."""
        whole = np.flatnonzero(~self.corrupt)
        end = int(whole[-1]) + 1 if whole.size else 0
        return self[:end]

    def __getitem__(self, part: slice) -> "PacketIndex":
        return PacketIndex(
            self.pts[part],
            self.dts[part],
            self.duration[part],
            self.key[part],
            self.shown[part],
            self.corrupt[part],
            self.layer[part],
        )


def index_packets(packets: Iterable[VideoPacket], codec: str, trusts_pts: bool = True) -> PacketIndex:
    """Read packets to their end into an index; without trust their PTS count as absent."""
    numbers = [array("q") for _ in range(3)]
    flags = [array("b") for _ in range(4)]
    pts, dts, duration, key, shown, corrupt, layer = (column.append for column in (*numbers, *flags))
    for packet in packets:
        pts(NO_PTS if packet.pts is None or not trusts_pts else packet.pts)
        dts(NO_PTS if packet.dts is None else packet.dts)
        duration(packet.duration or 0)
        key(packet.is_keyframe and not (codec == "h264" and refreshes_gradually(packet)))
        shown(not packet.is_discard and not (codec == "vp8" and is_vp8_reference(packet)))
        corrupt(packet.is_corrupt)
        layer(hevc_layer(packet) if codec == "hevc" else 0)
    stamps = [np.array(column, np.int64) for column in numbers]
    marks = [np.array(column, np.bool_) for column in flags[:3]]
    return PacketIndex(stamps[0], stamps[1], stamps[2], marks[0], marks[1], marks[2], np.array(flags[3], np.int8))
