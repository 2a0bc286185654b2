"""Reads the wanted frames of a video whose times are derived: every frame is decoded, the i-th shown has the i-th."""

from collections.abc import Iterable, Iterator
from itertools import islice

import av
import numpy as np

from db.records import MediaFacts, SegmentSpec
from workers.analysis import Sampling
from workers.sampling import choose
from workers.video.container import Video, VideoPacket, decoded
from workers.video.index import Clock, PacketIndex, index_packets
from workers.video.picture import Developer, Picture


class SequentialReader:
    """Iterate once over the wanted frames of a segment. Frames that never came are told of last."""

    fallbacks = 0

    def __init__(self, video: Video, facts: MediaFacts, segment: SegmentSpec, sampling: Sampling) -> None:
        self._video = video
        self._facts = facts
        self._segment = segment
        self._sampling = sampling
        self._clock = Clock.of(facts)
        self._developer = Developer(facts, self._clock)

    def __iter__(self) -> Iterator[Picture]:
        index = index_packets(self._window(), self._facts.codec, self._video.trusts_pts)
        presented = index.presented()
        wanted = choose(presented, index.keys(), self._sampling, self._clock, self._span())
        ranks = dict(zip(np.searchsorted(presented, wanted).tolist(), wanted.tolist(), strict=True))
        for rank, frame in ranked(self._video, self._window(), index):
            if rank in ranks:
                yield self._developer.picture(frame, ranks.pop(rank))
            if not ranks:
                return
        yield from map(self._developer.missing, ranks.values())

    def _span(self) -> tuple[int, int]:
        start, end = self._segment.start_pts, self._segment.end_pts
        return self._clock.first_pts if start is None else start, self._clock.end_pts if end is None else end

    def _window(self) -> Iterator[VideoPacket]:
        self._video.rewind()
        return islice(self._video.packets(), self._segment.packets)


def ranked(video: Video, packets: Iterable[VideoPacket], index: PacketIndex) -> Iterator[tuple[int, av.VideoFrame]]:
    """Every frame that decodes of `packets`, which `index` is of, with its place among those shown.

    A packet that gives nothing keeps its place: it is known by its number where nothing is reordered, else by the
    decoder's complaint.
    """
    places = np.cumsum(index.shown) - 1
    came = lost = 0
    for number, packet in enumerate(_numbered(packets)):
        context = video.stream.codec_context
        frames = decoded(context, packet)
        lost += frames is None and bool(index.shown[min(number, len(index) - 1)])
        for frame in frames or ():
            in_order = frame.pts is not None and not context.has_b_frames
            yield int(places[frame.pts]) if in_order else came + lost, frame
            came += 1


def _numbered(packets: Iterable[VideoPacket]) -> Iterator[VideoPacket | None]:
    """The packets with their number for a PTS, so that a frame tells which one it came from; then the drain."""
    for number, packet in enumerate(packets):
        pts, packet.pts = packet.pts, number
        try:
            yield packet
        finally:
            packet.pts = pts
    yield None
