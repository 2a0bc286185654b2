"""What a file is, and how it is cut: sniffed by its bytes, asked for its facts, segmented for an analysis."""

import math
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, islice

import av
import numpy as np
from numpy.typing import NDArray

from db.records import MediaFacts, Problem, SegmentSpec
from workers.analysis import Sampling
from workers.messages import ProbeResult, ProbeWork
from workers.sampling import CutLimits, cut_segments
from workers.video.container import Video, VideoPacket, codec_name, decoded, open_video
from workers.video.extent import atoms, missing_bytes
from workers.video.identity import holds_still
from workers.video.index import Clock, PacketIndex, index_packets
from workers.video.orientation import display_size, orientation_of
from workers.video.photo import probe_photo
from workers.video.problems import (
    MAX_VIDEO_PIXELS,
    empty,
    missing_moov,
    no_frames,
    too_large,
    truncated,
    unreadable,
    unsupported_container,
)
from workers.video.sniff import HEAD_BYTES, Format, sniff

FIRST_FRAME_WITHIN = 1000
"""Packets in which one must decode: more than any sensible distance between key frames."""


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
            raise unsupported_container(form.name, form.kind)
        if form.kind == "photo":
            facts = probe_photo(path, form)
            return ProbeResult(facts, (SegmentSpec(0, weight=facts.width * facts.height / 1e6),))
        return _probe_video(path, form, work.analysis.sampling or Sampling(), CutLimits.of(work.give))


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


def _probe_video(path: bytes, form: Format, sampling: Sampling, limits: CutLimits) -> ProbeResult:
    _check_moov(path, form)
    with open_video(path, form) as video:
        index = index_packets(video.packets(), codec_name(video.stream), video.trusts_pts)
        cut_short = _cut_short(video, index, missing_bytes(path, form))
        if cut_short is not None:
            index = index.without_broken_tail()
        if not index.shown.any():
            raise no_frames() if cut_short is None else truncated("not one whole frame is left")
        facts = _facts(video, form, index, first_frame(video), cut_short)
    megapixels = facts.width * facts.height / 1e6
    return ProbeResult(facts, cut_segments(index, sampling, Clock.of(facts), megapixels, limits))


def _check_moov(path: bytes, form: Format) -> None:
    """Raises MediaError for an MP4 without its index: libavformat says only "invalid data"."""
    if form.reader != "mov":
        return
    with open(path, "rb") as stream:  # noqa: PTH123  names are bytes
        size = os.fstat(stream.fileno()).st_size
        index = next((end for name, _, end in atoms(stream) if name in (b"moov", b"moof")), None)
    if index is None:
        raise missing_moov()
    if index > size:
        raise truncated("the cut goes through its index (the moov atom)")


def _cut_short(video: Video, index: PacketIndex, missing: int) -> Problem | None:
    """Why the file ends before its time, if it does."""
    if missing:
        why = f"the last {missing:,} bytes that its header announces are missing"
    elif video.stopped_by is not None:
        why = video.stopped_by
    elif index.corrupt.size and index.corrupt[-1]:
        why = "its last frame is incomplete"
    else:
        return None
    return truncated(why).problem


def first_frame(video: Video) -> av.VideoFrame:
    """The first frame that decodes; `video` is to be rewound before it is read on. Raises MediaError when none does."""
    frame = next(_frames(video, video.head()[:FIRST_FRAME_WITHIN]), None)
    if frame is None:
        video.rewind()
        frame = next(_frames(video, chain(islice(video.packets(), FIRST_FRAME_WITHIN), (None,))), None)
    if frame is None:
        raise no_frames()
    return frame


def _frames(video: Video, packets: Iterable[VideoPacket | None]) -> Iterator[av.VideoFrame]:
    for packet in packets:
        yield from decoded(video.stream.codec_context, packet) or ()


def _facts(
    video: Video, form: Format, index: PacketIndex, first: av.VideoFrame, cut_short: Problem | None
) -> MediaFacts:
    first_pts = _first_pts(index, first)
    presented = index.presented()
    presented = presented[presented >= first_pts]
    end_pts = _end_pts(index, presented)
    duration = Fraction(end_pts - first_pts) * video.time_base
    orientation = orientation_of(first)
    width, height = display_size(first.width, first.height, video.aspect, orientation)
    if width * height > MAX_VIDEO_PIXELS:  # a hostile pixel aspect
        raise too_large(width, height, MAX_VIDEO_PIXELS)
    return MediaFacts(
        kind="video",
        container=form.name,
        codec=codec_name(video.stream),
        width=width,
        height=height,
        rotation=orientation.degrees,
        time_base_num=video.time_base.numerator,
        time_base_den=video.time_base.denominator,
        start_us=_start_us(video, index, first_pts),
        first_pts=first_pts,
        end_pts=end_pts,
        duration_s=float(duration),
        fps=float(len(presented) / duration),
        frame_count=len(presented),
        timing=index.timing,
        partial=cut_short,
    )


def _first_pts(index: PacketIndex, first: av.VideoFrame) -> int:
    """The first frame that anybody can see. A recording that begins inside a GOP holds frames before it that refer
    to what was never recorded: those coded before the first key frame, and its leading frames.
    """
    presented, keys = index.presented(), index.keys()
    if index.timing == "derived" or first.pts is None or not len(keys):
        return int(presented[0])
    return max(int(presented[0]), min(first.pts, int(keys[0])))


def _start_us(video: Video, index: PacketIndex, first_pts: int) -> int:
    """What `time_s` counts from: the container's start. Derived times may begin before it, and are then their own."""
    if index.timing == "pts":
        return video.start_us
    return min(video.start_us, math.floor(first_pts * video.time_base * 1_000_000))


def _end_pts(index: PacketIndex, presented: NDArray[np.int64]) -> int:
    """The end of the last frame: its own duration, or the usual distance where the container gives none."""
    last = int(presented[-1])
    durations = index.duration[(index.pts == last) & index.shown]
    if durations.size and durations[0] > 0:
        return last + int(durations[0])
    usual = math.ceil(np.median(np.diff(presented))) if len(presented) > 1 else 1
    return last + max(1, usual)
