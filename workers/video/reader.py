"""Reads the wanted frames of one segment of a video, decoding only what they need. Bit-identical to a full decode."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import av
import numpy as np
from numpy.typing import NDArray

from db.records import MediaFacts, SegmentSpec
from workers.analysis import Sampling
from workers.sampling import choose
from workers.video.container import Video, VideoPacket, decoded
from workers.video.index import Clock, PacketIndex, index_packets
from workers.video.picture import Developer, Picture
from workers.video.plan import Run, plan_runs
from workers.video.problems import unsteady

STEP_BACK_S = 10
"""How much earlier decoding starts when a wanted frame did not come: an intra refresh has run through by then."""
SEEK_MARGINS_S = {"mpegts": (5, 30)}
"""How much before the entry a seek aims, in turn: transport streams have no index, a seek lands near or behind."""
OTHER_MARGINS_S = (0, 5, 30)
SKIPPABLE = frozenset(("h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video", "vp8"))
"""Decoders that can be told before each packet to pass over it if no other frame refers to it. (dav1d decides
once, when it opens; VP9 has no such frames.)"""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to read, and from where."""

    margin_s: int | None
    """Seconds before the entry where the seek aims; None: read from the beginning of the file."""
    wanted: NDArray[np.int64]
    runs: list[Run]
    may_skip: NDArray[np.bool_]
    """By packet: the decoder may be told to pass over it, if nothing refers to it."""


class SegmentReader:
    """Iterate once over the wanted frames of one segment. Frames recovered by a second attempt come late."""

    def __init__(self, video: Video, facts: MediaFacts, segment: SegmentSpec, sampling: Sampling) -> None:
        self._video = video
        self._facts = facts
        self._segment = segment
        self._sampling = sampling
        self._clock = Clock.of(facts)
        self._developer = Developer(facts, self._clock)
        self.fallbacks = 0

    def __iter__(self) -> Iterator[Picture]:
        plan = self._plan()
        left = set(map(int, plan.wanted))
        for frame in self._planned(plan):
            if frame.pts in left:
                left.discard(frame.pts)
                yield self._developer.picture(frame, frame.pts)
        if left:
            yield from self._recovered(left)

    @property
    def _context(self) -> av.VideoCodecContext:
        return self._video.stream.codec_context

    def _plan(self) -> _Plan:
        """The plan of the probe, made again from the packets. Raises MediaError where they are not the same ones."""
        for margin_s in self._margins_s():
            index = index_packets(self._window(margin_s), self._facts.codec)
            wanted = choose(index.presented(), index.keys(), self._sampling, self._clock, self._span())
            if self._as_planned(index, wanted):
                skippable = (index.layer == index.layer.max(initial=0)) & (self._facts.codec in SKIPPABLE)
                return _Plan(margin_s, wanted, plan_runs(index, wanted), skippable)
            self.fallbacks += 1
        raise unsteady()

    def _margins_s(self) -> tuple[int | None, ...]:
        if self._segment.entry_pts is None:
            return (None,)
        return (*SEEK_MARGINS_S.get(self._facts.container, OTHER_MARGINS_S), None)

    def _as_planned(self, index: PacketIndex, wanted: NDArray[np.int64]) -> bool:
        return self._segment.packets is None or (len(index), len(wanted)) == (
            self._segment.packets,
            self._segment.targets,
        )

    def _span(self) -> tuple[int, int]:
        segment, clock = self._segment, self._clock
        start = clock.first_pts if segment.start_pts is None else segment.start_pts
        return start, clock.end_pts if segment.end_pts is None else segment.end_pts

    def _window(self, margin_s: int | None) -> Iterator[VideoPacket]:
        """The segment's packets, from its entry on; none where a seek lands behind it."""
        entry_pts = self._segment.entry_pts
        if margin_s is None or entry_pts is None:
            self._video.rewind()
        else:
            self._video.seek(entry_pts - self._video.ticks(margin_s))
        packets = self._video.packets()
        if entry_pts is not None:
            packets = _from_entry(packets, entry_pts)
        return islice(packets, self._segment.packets)

    def _planned(self, plan: _Plan) -> Iterator[av.VideoFrame]:
        todo = iter(plan.runs)
        run = next(todo, None)
        for number, packet in enumerate(self._window(plan.margin_s)):
            if run is None:
                return
            if number >= run.first:
                skip = plan.may_skip[number] and number not in run.wanted
                self._context.skip_frame = "NONREF" if skip else "DEFAULT"
                yield from decoded(self._context, packet) or ()
            if number == run.last:
                yield from self._drained()
                run = next(todo, None)

    def _drained(self) -> Iterator[av.VideoFrame]:
        """What the decoder still holds back for reordering."""
        yield from decoded(self._context, None) or ()
        self._context.flush_buffers()

    def _recovered(self, left: set[int]) -> Iterator[Picture]:
        """Wanted frames that did not come: once more, from earlier, skipping nothing; then they are missing."""
        self.fallbacks += 1
        for frame in self._everything(min(left), max(left)):
            if frame.pts in left:
                left.discard(frame.pts)
                yield self._developer.picture(frame, frame.pts)
        yield from map(self._developer.missing, sorted(left))

    def _everything(self, first_pts: int, last_pts: int) -> Iterator[av.VideoFrame]:
        self._context.flush_buffers()
        self._context.skip_frame = "DEFAULT"
        around = self._video.ticks(STEP_BACK_S)
        self._video.seek(first_pts - around)
        for packet in self._video.packets():
            if packet.pts is not None and packet.pts > last_pts + around:
                break
            yield from decoded(self._context, packet) or ()
        yield from self._drained()


def _from_entry(packets: Iterable[VideoPacket], entry_pts: int) -> Iterator[VideoPacket]:
    """The packets from the key frame at `entry_pts` on; none when they never reach it."""
    begun = False
    for packet in packets:
        if not begun and packet.is_keyframe and packet.pts is not None:
            if packet.pts > entry_pts:
                return
            begun = packet.pts == entry_pts
        if begun:
            yield packet
