"""Reading clips the way a child does, and by the simplest means there are, to compare the two."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from db.records import MediaFacts, SegmentSpec
from tests.clips import identity
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, SamplingMode, ScorerSpec
from workers.errors import MediaError
from workers.messages import ProbeResult, ProbeWork, SegmentWork
from workers.sampling import CutLimits, cut_segments
from workers.video.container import open_video
from workers.video.index import Clock, index_packets
from workers.video.picture import Picture
from workers.video.probe import probe, sniff_file
from workers.video.source import open_source

EVERY = Sampling(SamplingMode.EVERY_FRAME)


@dataclass(frozen=True)
class Reading:
    """What reading a clip gave: its pictures by time, and how often the plan had to be widened."""

    facts: MediaFacts
    segments: tuple[SegmentSpec, ...]
    pictures: list[Picture]
    fallbacks: int

    @property
    def frames(self) -> list[tuple[int, NDArray[np.uint8]]]:
        """PTS and pixels, as `clips.decode_fully` gives them; every picture must have some."""
        return [(picture.pts, _pixels(picture)) for picture in self.pictures]


def _pixels(picture: Picture) -> NDArray[np.uint8]:
    assert picture.pixels is not None
    return picture.pixels


def analysis(sampling: Sampling) -> AnalysisSpec:
    """An analysis that samples so."""
    return AnalysisSpec(sampling, DetectorSpec(), ScorerSpec())


def probed(path: Path, sampling: Sampling | None = None) -> ProbeResult:
    """What a child's probe says of the file."""
    return probe(ProbeWork(identity(path), analysis(sampling or Sampling())))


def facts_of(path: Path) -> MediaFacts:
    """The facts of a file that is media."""
    facts = probed(path).facts
    assert facts is not None
    return facts


def recut(path: Path, facts: MediaFacts, sampling: Sampling, limits: CutLimits) -> tuple[SegmentSpec, ...]:
    """The clip cut into segments of another length."""
    form = sniff_file(bytes(identity(path).path))
    assert form is not None
    with open_video(bytes(identity(path).path), form) as video:
        index = index_packets(video.packets(), facts.codec, video.trusts_pts)
    return cut_segments(index, sampling, Clock.of(facts), 1.0, limits)


def read(path: Path, sampling: Sampling, limits: CutLimits | None = None) -> Reading:
    """The sampled pictures of the clip, segment by segment, sorted by time."""
    result = probed(path, sampling)
    assert result.facts is not None
    segments = result.segments if limits is None else recut(path, result.facts, sampling, limits)
    pictures: list[Picture] = []
    fallbacks = 0
    for segment in segments:
        with open_source(SegmentWork(identity(path), result.facts, segment, analysis(sampling))) as source:
            pictures += source
            fallbacks += source.fallbacks
    return Reading(result.facts, segments, sorted(pictures, key=lambda picture: picture.pts), fallbacks)


def code_of(path: Path) -> str:
    """The code of the error that reading the file raises; every error has a reason and a hint."""
    with pytest.raises(MediaError) as caught:
        read(path, EVERY)
    problem = caught.value.problem
    assert problem.reason
    assert problem.hint
    return problem.code


def on_screen(stamps: Iterable[int], facts: MediaFacts, sampling: Sampling) -> list[int]:
    """The PTS that `sampling` asks for, target by target, frame by frame."""
    ascending = sorted(stamps)
    time_base = Fraction(facts.time_base_num, facts.time_base_den)
    start = Fraction(facts.start_us, 1_000_000)

    def within(ticks: Fraction) -> bool:
        time_s = ticks * time_base - start
        early = sampling.start_s is not None and time_s < sampling.start_s
        late = sampling.end_s is not None and time_s >= sampling.end_s
        return not early and not late and ticks < facts.end_pts

    if sampling.mode is SamplingMode.EVERY_FRAME:
        return [pts for pts in ascending if within(Fraction(pts))]
    chosen: list[int] = []
    target = Fraction(ascending[0])
    while target < facts.end_pts:
        if within(target):
            chosen.append(max(pts for pts in ascending if pts <= target))
        target += sampling.interval_s / time_base
    return sorted(set(chosen))


def same(got: list[tuple[int, NDArray[np.uint8]]], wanted: list[tuple[int, NDArray[np.uint8]]]) -> bool:
    """Whether both are the same frames, bit for bit."""
    return [pts for pts, _ in got] == [pts for pts, _ in wanted] and all(
        np.array_equal(mine, theirs) for (_, mine), (_, theirs) in zip(got, wanted, strict=True)
    )
