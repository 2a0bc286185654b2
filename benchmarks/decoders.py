"""The ways to a video's sampled frames that the decode benchmark compares, each with one thread."""

import hashlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from benchmarks.openings import Shape
from db.records import MediaFacts, SegmentSpec
from tests.clips import identity
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.messages import ProbeWork, SegmentWork
from workers.sampling import choose
from workers.video.container import decoded
from workers.video.index import Clock, PacketIndex, index_packets
from workers.video.plan import Run, plan_runs
from workers.video.probe import probe
from workers.video.reader import SKIPPABLE
from workers.video.source import open_source

Pixels = NDArray[np.uint8]
Contestant = Callable[["Task"], Iterator[Pixels]]


@dataclass(frozen=True)
class Task:
    """A clip, which frames of it are wanted, and all that a child would be told of it."""

    path: Path
    analysis: AnalysisSpec
    facts: MediaFacts
    segments: tuple[SegmentSpec, ...]
    wanted: tuple[int, ...]
    """PTS, ascending."""

    @classmethod
    def of(cls, path: Path, interval_s: Fraction) -> "Task":
        """Probed as a child does."""
        analysis = AnalysisSpec(Sampling(interval_s=interval_s), DetectorSpec(), ScorerSpec())
        result = probe(ProbeWork(identity(path), analysis))
        assert result.facts is not None
        with av.open(str(path)) as container:
            index = index_packets((packet for packet in container.demux(video=0) if packet.size), result.facts.codec)
        clock = Clock.of(result.facts)
        assert analysis.sampling is not None
        span = (clock.first_pts, clock.end_pts)
        wanted = choose(index.presented(), index.keys(), analysis.sampling, clock, span)
        return cls(path, analysis, result.facts, result.segments, tuple(map(int, wanted)))

    def prepare(self) -> None:
        """Read what contestants may know beforehand."""
        assert self.loaded

    def timed(self, contestant: Contestant) -> tuple[list[str], float]:
        """Hashes of the frames it gave, and the CPU seconds of this process and what it started. Hashing is not in."""
        hashes, spent = [], 0.0
        frames = contestant(self)
        while True:
            began = _cpu_s()
            pixels = next(frames, None)
            spent += _cpu_s() - began
            if pixels is None:
                return hashes, spent
            hashes.append(hashlib.blake2b(pixels.tobytes()).hexdigest())

    @cached_property
    def loaded(self) -> tuple[PacketIndex, list[Any], list[Run]]:
        """Index, packets and runs of the whole clip, read beforehand."""
        with av.open(str(self.path)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
            index = index_packets(packets, self.facts.codec)
        return index, packets, plan_runs(index, np.array(self.wanted))


def _ours(task: Task) -> Iterator[Pixels]:
    for segment in task.segments:
        with open_source(SegmentWork(identity(task.path), task.facts, segment, task.analysis)) as source:
            for picture in source:
                assert picture.pixels is not None
                yield picture.pixels


def _needed(task: Task) -> Iterator[Pixels]:
    index, packets, runs = task.loaded
    skippable = (index.layer == index.layer.max(initial=0)) & (task.facts.codec in SKIPPABLE)
    with av.open(str(task.path)) as container:
        context = container.streams.video[0].codec_context
        context.thread_count = 1
        wanted, reformatter = set(task.wanted), VideoReformatter()
        for run in runs:
            for number in range(run.first, run.last + 2):
                if number <= run.last:
                    context.skip_frame = "NONREF" if skippable[number] and number not in run.wanted else "DEFAULT"
                for frame in decoded(context, packets[number] if number <= run.last else None) or ():
                    if frame.pts in wanted:
                        yield _bgr(reformatter, frame)
            context.flush_buffers()


def _full(task: Task) -> Iterator[Pixels]:
    wanted, reformatter = set(task.wanted), VideoReformatter()
    with av.open(str(task.path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        for frame in container.decode(video=0):
            if frame.pts in wanted:
                yield _bgr(reformatter, frame)


def _keyframes(task: Task) -> Iterator[Pixels]:
    """Other frames than those asked for, where no key frame happens to be."""
    reformatter = VideoReformatter()
    with av.open(str(task.path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        stream.codec_context.skip_frame = "NONKEY"
        for frame in container.decode(stream):
            yield _bgr(reformatter, frame)


def _cv2_read(task: Task) -> Iterator[Pixels]:
    numbers = _numbers(task)
    capture = _capture(task)
    number = 0
    while (picture := capture.read()[1]) is not None:
        if number in numbers:
            yield np.asarray(picture, np.uint8)
        number += 1
    capture.release()


def _cv2_grab(task: Task) -> Iterator[Pixels]:
    numbers = _numbers(task)
    capture = _capture(task)
    number = 0
    while capture.grab():
        if number in numbers:
            yield np.asarray(capture.retrieve()[1], np.uint8)
        number += 1
    capture.release()


def _cv2_seek(task: Task) -> Iterator[Pixels]:
    capture = _capture(task)
    for number in sorted(_numbers(task)):
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        yield np.asarray(capture.read()[1], np.uint8)
    capture.release()


def _ffmpeg(task: Task) -> Iterator[Pixels]:
    """The frames that `-vf fps` takes, which are not always those on screen then."""
    program = shutil.which("ffmpeg")
    assert program is not None
    sampling = task.analysis.sampling
    assert sampling is not None
    size = task.facts.width * task.facts.height * 3
    chosen = ["-vf", f"fps={1 / sampling.interval_s}", "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]
    command = [program, "-v", "error", "-threads", "1", "-i", str(task.path), *chosen]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while len(raw := process.stdout.read(size)) == size:
            yield np.frombuffer(raw, np.uint8)


CONTESTANTS: dict[str, Contestant] = {
    "ours": _ours,
    "needed": _needed,
    "full": _full,
    "cv2-read": _cv2_read,
    "cv2-grab": _cv2_grab,
    "cv2-seek": _cv2_seek,
    "keyframes": _keyframes,
}
if shutil.which("ffmpeg"):
    CONTESTANTS["ffmpeg-fps"] = _ffmpeg


def skips_b_frames(shape: Shape) -> bool:
    """Whether the targets for H.264 with B-frames are meant."""
    return shape.codec == "libx264" and shape.b_frames > 0


def _numbers(task: Task) -> set[int]:
    """The wanted frames' places in the order they are shown in."""
    presented = task.loaded[0].presented()
    return set(map(int, np.searchsorted(presented, np.array(task.wanted))))


def _capture(task: Task) -> cv2.VideoCapture:
    return cv2.VideoCapture(str(task.path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def _bgr(reformatter: VideoReformatter, frame: av.VideoFrame) -> Pixels:
    return reformatter.reformat(frame, format="bgr24", threads=1).to_ndarray().astype(np.uint8, copy=False)


def _cpu_s() -> float:
    times = psutil.Process().cpu_times()
    return time.process_time() + float(times.children_user + times.children_system)
