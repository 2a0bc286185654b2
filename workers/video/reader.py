"""Reads the wanted frames of one segment of a video, decoding only what they need. Bit-identical to a full decode."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from db.records import MediaFacts, SegmentSpec
from db.states import FrameStatus
from workers.analysis import Sampling
from workers.sampling import choose
from workers.video.container import Video, VideoPacket
from workers.video.index import Clock, PacketIndex, index_packets
from workers.video.orientation import display_size, fit, orientation_of
from workers.video.plan import Run, plan_runs

STEP_BACK_S = 10
"""How much earlier decoding starts when a wanted frame did not come: an intra refresh has run through by then."""
SEEK_MARGIN_S = {"mpegts": 3}
"""Transport streams have no index: a seek by timestamp lands near, so it aims earlier and reads on."""
SKIPPABLE = frozenset(("h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video", "vp8"))
"""Decoders that can be told before each packet to pass over it if no other frame refers to it. (dav1d decides
once, when it opens; VP9 has no such frames.)"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One sampled frame: `pixels` is BGR uint8 [height, width, 3], upright, with square pixels; None when missing."""

    pts: int
    time_s: float
    status: FrameStatus
    pixels: NDArray[np.uint8] | None


class SegmentReader:
    """Iterate once over the wanted frames of one segment. Frames recovered by a second attempt come late."""

    def __init__(self, video: Video, facts: MediaFacts, segment: SegmentSpec, sampling: Sampling) -> None:
        self._video = video
        self._facts = facts
        self._segment = segment
        self._sampling = sampling
        self._clock = Clock.of(facts)
        self._skip: Literal["DEFAULT", "NONREF"] = "NONREF" if facts.codec in SKIPPABLE else "DEFAULT"
        self.fallbacks = 0

    @property
    def _context(self) -> av.VideoCodecContext:
        return self._video.stream.codec_context

    def __iter__(self) -> Iterator[Picture]:
        if self._facts.timing == "derived":
            yield from self._derived()
            return
        index = self._index()
        wanted = self._wanted(index)
        runs = plan_runs(index, wanted)
        seen: set[int] = set()
        for frame in self._planned(runs):
            if frame.pts is not None and frame.pts not in seen and _holds(wanted, frame.pts):
                seen.add(frame.pts)
                yield self._picture(frame, frame.pts)
        missing = sorted(set(map(int, wanted)) - seen)
        if missing:
            yield from self._recovered(missing)

    def _index(self) -> PacketIndex:
        index = index_packets(self._window(), self._facts.codec)
        return index.without_broken_tail() if self._facts.partial is not None else index

    def _wanted(self, index: PacketIndex) -> NDArray[np.int64]:
        presented = np.unique(index.pts[index.shown])
        keys = np.unique(index.pts[index.key & index.shown])
        return choose(presented, keys, self._sampling, self._clock, self._span())

    def _span(self) -> tuple[int, int]:
        segment, clock = self._segment, self._clock
        start = clock.first_pts if segment.start_pts is None else segment.start_pts
        return start, clock.end_pts if segment.end_pts is None else segment.end_pts

    def _window(self) -> Iterator[VideoPacket]:
        """The segment's packets, from its entry on: the same ones, however the container was left."""
        packets = self._from(self._segment.entry_pts)
        return packets if self._segment.packets is None else islice(packets, self._segment.packets)

    def _from(self, entry_pts: int | None) -> Iterator[VideoPacket]:
        """Packets from the key frame at `entry_pts` (None: from the first). A seek that lands behind it, or in a
        place that does not hold it, is made good by reading from the beginning.
        """
        if entry_pts is not None:
            self._video.seek(entry_pts - self._video.ticks(SEEK_MARGIN_S.get(self._facts.container, 0)))
            packets = _until_entry(self._video.packets(), entry_pts)
            if packets is not None:
                return packets
            self.fallbacks += 1
        self._video.rewind()
        if entry_pts is None:
            return self._video.packets()
        found = _until_entry(self._video.packets(), entry_pts, give_up=False)
        return found if found is not None else iter(())

    def _planned(self, runs: list[Run]) -> Iterator[av.VideoFrame]:
        todo = iter(runs)
        run = next(todo, None)
        for number, packet in enumerate(self._window()):
            if run is None:
                return
            if number >= run.first:
                self._context.skip_frame = "DEFAULT" if number in run.wanted else self._skip
                yield from self._decode(packet)
            if number == run.last:
                yield from self._drain()
                run = next(todo, None)

    def _decode(self, packet: VideoPacket | None) -> Iterator[av.VideoFrame]:
        try:
            yield from self._context.decode(packet)
        except av.error.InvalidDataError:
            return  # what it should have given is found missing, tried again, and recorded

    def _drain(self) -> Iterator[av.VideoFrame]:
        yield from self._decode(None)
        self._context.flush_buffers()

    def _recovered(self, missing: list[int]) -> Iterator[Picture]:
        """Wanted frames that did not come: once more, from earlier, skipping nothing; then they are missing."""
        self.fallbacks += 1
        left = set(missing)
        for frame in self._everything(missing[0], missing[-1]):
            if frame.pts in left:
                left.discard(frame.pts)
                yield self._picture(frame, frame.pts)
        for pts in sorted(left):
            yield Picture(pts, float(self._clock.seconds(pts)), FrameStatus.MISSING, None)

    def _everything(self, first_pts: int, last_pts: int) -> Iterator[av.VideoFrame]:
        self._context.flush_buffers()
        self._context.skip_frame = "DEFAULT"
        earlier = self._video.ticks(STEP_BACK_S)
        self._video.seek(first_pts - earlier)
        beyond = last_pts + earlier
        for packet in self._video.packets():
            if packet.pts is not None and packet.pts > beyond:
                break
            yield from self._decode(packet)
        yield from self._drain()

    def _derived(self) -> Iterator[Picture]:
        """Every frame decoded, the i-th given the i-th stamp."""
        self._video.rewind()
        index = index_packets(self._video.packets(), self._facts.codec, self._video.trusts_pts)
        presented = index.presented()
        wanted = choose(presented, _derived_keys(index, presented), self._sampling, self._clock, self._span())
        self._video.rewind()
        count = 0
        for frame in self._all_frames():
            if count < len(presented) and _holds(wanted, int(presented[count])):
                yield self._picture(frame, int(presented[count]))
            count += 1
        for pts in wanted[wanted >= presented[count]] if count < len(presented) else ():
            yield Picture(int(pts), float(self._clock.seconds(int(pts))), FrameStatus.MISSING, None)

    def _all_frames(self) -> Iterator[av.VideoFrame]:
        for packet in self._video.packets():
            yield from self._decode(packet)
        yield from self._drain()

    def _picture(self, frame: av.VideoFrame, pts: int) -> Picture:
        status = FrameStatus.DAMAGED if frame.is_corrupt else FrameStatus.OK
        return Picture(pts, float(self._clock.seconds(pts)), status, self._upright(frame))

    def _upright(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        orientation = orientation_of(frame)
        stored = frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False)
        size = display_size(frame.width, frame.height, self._video.aspect, orientation)
        upright = orientation.apply(stored)
        return fit(fit(upright, size), (self._facts.width, self._facts.height))


def _until_entry(packets: Iterator[VideoPacket], entry_pts: int, give_up: bool = True) -> Iterator[VideoPacket] | None:
    """The packets from the key frame at `entry_pts` on; None when they begin behind it or never reach it."""
    for packet in packets:
        if packet.is_keyframe and packet.pts == entry_pts:
            return _chain(packet, packets)
        if give_up and packet.is_keyframe and packet.pts is not None and packet.pts > entry_pts:
            return None
    return None


def _chain(first: VideoPacket, rest: Iterable[VideoPacket]) -> Iterator[VideoPacket]:
    yield first
    yield from rest


def _derived_keys(index: PacketIndex, presented: NDArray[np.int64]) -> NDArray[np.int64]:
    """Stamps of the key frames, as near as decode order tells."""
    return presented[index.key[index.shown]]


def _holds(ascending: NDArray[np.int64], value: int) -> bool:
    at = int(np.searchsorted(ascending, value))
    return at < len(ascending) and int(ascending[at]) == value
