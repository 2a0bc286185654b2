"""What a file is, and how it is cut: sniffed by its bytes, asked for its facts, segmented for an analysis."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
import numpy as np

from db.records import MediaFacts, Problem, SegmentSpec
from workers.analysis import Sampling
from workers.messages import ProbeResult, ProbeWork
from workers.sampling import cut_segments
from workers.video.container import Video, VideoPacket, codec_name, open_video
from workers.video.identity import holds_still
from workers.video.index import Clock, PacketIndex, index_packets
from workers.video.orientation import Orientation, display_size, orientation_of
from workers.video.photo import probe_photo
from workers.video.problems import empty, missing_moov, no_frames, truncated, unreadable, unsupported_container
from workers.video.sniff import HEAD_BYTES, Format, sniff

TAG_SLACK_S = 1.0
"""How much earlier than its header says a Matroska stream may end without being called cut short."""


def probe(work: ProbeWork) -> ProbeResult:
    """Sniff and probe one file, and cut it into segments. `facts` is None where its bytes are no media we know.

    Raises MediaError for media that cannot be analysed.
    """
    path = work.source.path
    with holds_still(work.source):
        form = sniff_file(path)
        if form is None:
            return ProbeResult(None)
        if not form.supported:
            raise unsupported_container(form.name)
        if form.kind == "photo":
            facts = probe_photo(path, form)
            return ProbeResult(facts, (SegmentSpec(0, weight=facts.width * facts.height / 1e6),))
        return _probe_video(path, form, work.analysis.sampling or Sampling())


def sniff_file(path: bytes) -> Format | None:
    """The format of a file by its first bytes. Raises MediaError where it is empty or cannot be read."""
    try:
        with open(path, "rb") as stream:  # noqa: PTH123  names are bytes
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise unreadable(error) from error
    if not head:
        raise empty()
    return sniff(head)


def _probe_video(path: bytes, form: Format, sampling: Sampling) -> ProbeResult:
    if form.reader == "mov" and not _has_moov(path):
        raise missing_moov()
    with open_video(path, form) as video:
        index, cut_short = _index(video)
        if cut_short is not None:
            index = index.without_broken_tail()
        presented = index.presented()
        if not len(presented):
            raise no_frames()
        orientation = _first_orientation(video)
        facts = _facts(video, form, index, orientation, cut_short)
    megapixels = facts.width * facts.height / 1e6
    return ProbeResult(facts, cut_segments(index, sampling, Clock.of(facts), megapixels))


def _has_moov(path: bytes) -> bool:
    """Walk the top-level atoms: libavformat says only "invalid data" when the index is missing."""
    with open(path, "rb") as stream:  # noqa: PTH123  names are bytes
        at = 0
        while len(header := stream.read(16)) >= 8:
            size, name = int.from_bytes(header[:4]), header[4:8]
            if name in (b"moov", b"moof"):
                return True
            if size == 1:
                size = int.from_bytes(header[8:16])
            if size < 8:
                return False
            at += size
            stream.seek(at)
    return False


def _index(video: Video) -> tuple[PacketIndex, Problem | None]:
    """The index of every packet, and why it ends early if it does."""
    reading = _Reading(video)
    index = index_packets(reading.packets(), codec_name(video.stream), video.trusts_pts)
    why = reading.stopped_by or _cut_short(video, index)
    return index, None if why is None else truncated(why).problem


@dataclass(slots=True)
class _Reading:
    """A demux that remembers the error that ended it: what came before is kept."""

    video: Video
    stopped_by: str | None = None

    def packets(self) -> Iterator[VideoPacket]:
        try:
            yield from self.video.packets()
        except (av.error.InvalidDataError, av.error.EOFError, OSError) as error:
            self.stopped_by = f"reading stops with {error.strerror or error}"


def _cut_short(video: Video, index: PacketIndex) -> str | None:
    promised = video.stream.frames
    if index.corrupt.size and index.corrupt[-1]:
        return "its last frame is incomplete"
    if promised > len(index) and video.container.format.name.split(",")[0] in ("mov", "avi"):
        return f"it holds {len(index)} of the {promised} frames that its header promises"
    tagged_s = _tagged_duration_s(video)
    if tagged_s is not None and len(index):
        end_s = float(_end_pts(index, index.presented()) * video.time_base)
        if end_s < tagged_s - TAG_SLACK_S:
            return f"it ends at {end_s:.1f} s of the {tagged_s:.1f} s that its header promises"
    return None


def _tagged_duration_s(video: Video) -> float | None:
    """Matroska's DURATION tag of the stream, in seconds (`00:01:02.500000000`)."""
    tag = video.stream.metadata.get("DURATION", "")
    try:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None  # no such tag, or not in this form: then nothing was promised


def _first_orientation(video: Video) -> Orientation:
    """How the first frame that decodes is to be turned. Raises MediaError when none of the first hundred does."""
    video.rewind()
    context = video.stream.codec_context
    for _, packet in zip(range(100), video.packets(), strict=False):
        try:
            frames = context.decode(packet)
        except av.error.InvalidDataError:
            continue  # a damaged start; a later frame may do
        if frames:
            return orientation_of(frames[0])
    frames = context.decode(None)
    if not frames:
        raise no_frames()
    return orientation_of(frames[0])


def _facts(
    video: Video, form: Format, index: PacketIndex, orientation: Orientation, cut_short: Problem | None
) -> MediaFacts:
    presented = index.presented()
    context, time_base = video.stream.codec_context, video.time_base
    end_pts = _end_pts(index, presented)
    duration = Fraction(end_pts - int(presented[0])) * time_base
    width, height = display_size(context.width, context.height, video.aspect, orientation)
    return MediaFacts(
        kind="video",
        container=form.name,
        codec=codec_name(video.stream),
        width=width,
        height=height,
        rotation=orientation.degrees,
        time_base_num=time_base.numerator,
        time_base_den=time_base.denominator,
        start_us=video.start_us,
        first_pts=int(presented[0]),
        end_pts=end_pts,
        duration_s=float(duration),
        fps=float(len(presented) / duration) if duration else 0.0,
        frame_count=len(presented),
        timing=index.timing,
        partial=cut_short,
    )


def _end_pts(index: PacketIndex, presented: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> int:
    """The end of the last frame: its own duration, or the usual distance where the container gives none."""
    last = int(presented[-1])
    durations = index.duration[(index.pts == last) & index.shown]
    if durations.size and durations[0] > 0:
        return last + int(durations[0])
    usual = math.ceil(np.median(np.diff(presented))) if len(presented) > 1 else 1
    return last + max(1, usual)
