"""A video drawn upon: every frame decoded, painted and encoded once, in one pass beside its sound.

Every frame keeps its time and its length on screen, counted from the start as `time_s` is; pictures are turned upright.
What else a recording holds (places, names, data, chapters, covers) is left behind.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from typing import Any

import av
import av.container
import av.error

from db.records import MediaFacts
from workers.drawing.encoding import Pictures
from workers.drawing.film_clock import Shift
from workers.drawing.output import HAND_OVER_BYTES, Handed, Report, Write
from workers.drawing.painter import Painter
from workers.drawing.sound import Sound
from workers.drawing.upright import Shape, Turner
from workers.drawing.work import DrawResult, DrawWork, Seen
from workers.video.container import Video, VideoPacket, decoded, open_video
from workers.video.index import Clock, PacketIndex, index_packets
from workers.video.probe import first_frame
from workers.video.sequential import ranked
from workers.video.sniff import Format

MOST_TICKS_PER_S = 2**31 - 1
OTHER_TICKS_PER_S = 90_000
_Timed = Iterator[tuple[int, av.VideoFrame]]


def draw_film(work: DrawWork, form: Format, write: Write, report: Report) -> DrawResult:
    """Make an MP4 of a video. `report` hears how many frames are done. Raises MediaError."""
    facts = work.facts
    file = Handed(write)
    with open_video(work.source.path, form) as video:
        stamps = _derived(video, facts) if facts.timing == "derived" else None
        shape = Shape.of(first_frame(video), video.aspect)
        video.reopen()
        with closing(_output(file, video, facts)) as output:
            made = _Film(work, video, output, shape).make(stamps, report)
    file.flush()
    return made


def _output(file: Handed, video: Video, facts: MediaFacts) -> av.container.OutputContainer:
    """An MP4 that tells times as exactly as its source: in the ticks of its streams, and where a stream begins later
    than another, in ticks that all of them share.
    """
    bases = [
        facts.time_base_den,
        *(one.time_base.denominator for one in video.container.streams.audio if one.time_base),
    ]
    shared = math.lcm(*bases)
    options = {
        "video_track_timescale": str(facts.time_base_den),
        "movie_timescale": str(shared if shared <= MOST_TICKS_PER_S else OTHER_TICKS_PER_S),
    }
    return av.open(file, "w", format="mp4", options=options, buffer_size=HAND_OVER_BYTES)


def _derived(video: Video, facts: MediaFacts) -> PacketIndex:
    """The index that the times of a video without times of its own follow from."""
    video.rewind()
    return index_packets(video.packets(), facts.codec, video.trusts_pts)


class _Film:
    """One video on its way through."""

    def __init__(self, work: DrawWork, video: Video, output: av.container.OutputContainer, shape: Shape) -> None:
        self._work = work
        self._video = video
        self._facts = work.facts
        clock = Clock.of(work.facts)
        self._shift = Shift.of(Fraction(clock.start_us, 1_000_000), clock.time_base)
        # In whole ticks of 1/den: an MP4 knows no other time base.
        self._ticks = work.facts.time_base_num
        fps = Fraction(max(1.0, work.facts.fps)).limit_denominator(1001)
        base = Fraction(1, work.facts.time_base_den)
        self._pictures = Pictures(output, shape, base, fps, work.threads)
        self._sound = Sound(video.container, output, Fraction(clock.start_us, 1_000_000)) if work.audio else None
        self._turner = Turner(shape, (work.facts.width, work.facts.height))
        self._painter = Painter(Seen.unpacked(work.seen), work.facts, work.look)
        self._lost = 0

    def make(self, index: PacketIndex | None, report: Report) -> DrawResult:
        """Take every frame and every sound through to the end."""
        done = 0
        last: int | None = None
        for pts, frame in self._frames(index):
            if pts < self._facts.first_pts or (last is not None and pts <= last):
                continue
            last = pts
            self._draw(frame, pts)
            done += 1
            report(done)
        with _no_fault_of_the_file():
            self._pictures.finish(self._at(max(self._facts.end_pts, (last or 0) + 1)))
            if self._sound is not None:
                self._sound.finish()
        return DrawResult(done, tuple(self._notes()))

    def _draw(self, frame: av.VideoFrame, pts: int) -> None:
        with _no_fault_of_the_file():
            drawn, canvas = self._turner.turned(frame)
            self._painter.paint(canvas, pts)
            self._pictures.add(drawn, self._at(pts))

    def _at(self, pts: int) -> int:
        return self._shift.apply(pts) * self._ticks

    def _notes(self) -> Iterator[str]:
        yield from self._pictures.notes
        if self._sound is not None:
            yield from self._sound.notes
        if self._lost:
            yield f"{self._lost} of its packets could not be decoded: the frame before stands on"

    def _frames(self, index: PacketIndex | None) -> _Timed:
        """Every frame that decodes, by its PTS; sound is passed on meanwhile."""
        if index is not None:
            stamps = index.presented().tolist()
            for rank, frame in ranked(self._video, self._pictures_passing_sound(), index):
                if rank < len(stamps):
                    yield stamps[rank], frame
            return
        for packet in self._then_none(self._pictures_passing_sound()):
            frames = decoded(self._video.stream.codec_context, packet)
            self._lost += frames is None
            yield from ((frame.pts, frame) for frame in frames or () if frame.pts is not None)

    def _then_none(self, packets: Iterable[VideoPacket]) -> Iterator[VideoPacket | None]:
        yield from packets
        yield None

    def _pictures_passing_sound(self) -> Iterator[VideoPacket]:
        container, wanted = self._video.container, self._video.stream.index
        heard = container.streams.audio if self._sound is not None else ()
        for packet in _demuxed(container, [self._video.stream, *heard]):
            if packet.stream_index == wanted:
                yield packet
            elif self._sound is not None:
                with _no_fault_of_the_file():
                    self._sound.pass_on(packet)


@contextmanager
def _no_fault_of_the_file() -> Iterator[None]:
    """What goes wrong in drawing and encoding is not to be taken for damage of the recording."""
    try:
        yield
    except av.error.MemoryError:
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise RuntimeError(f"it cannot be drawn: {error}") from error


def _demuxed(container: av.container.InputContainer, streams: list[Any]) -> Iterator[Any]:
    """Packets with something in them, up to the end or to bytes that make no sense."""
    try:
        yield from (packet for packet in container.demux(*streams) if packet.size)
    except (av.error.InvalidDataError, av.error.EOFError, IndexError):
        return
