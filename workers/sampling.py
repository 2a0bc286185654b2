"""Which frames are looked at, and how a video is cut into segments. Pure integer arithmetic on timestamps.

The frame chosen for a target time is the one on screen then: the last with pts <= t. Cuts fall on presented frames,
so a target belongs to the segment that its frame belongs to, and the union over segments is the whole.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from db.records import SegmentSpec
from workers.analysis import Sampling, SamplingMode
from workers.messages import Give
from workers.video.index import Clock, PacketIndex
from workers.video.plan import Run, plan_runs

_Pts = NDArray[np.int64]


def choose(presented: _Pts, keys: _Pts, sampling: Sampling, clock: Clock, span: tuple[int, int]) -> _Pts:
    """The PTS of the frames to look at, ascending, within the half-open `span` of PTS.

    `presented` and `keys` are ascending and hold at least every presented frame, and every presented key frame, that
    could be chosen there.
    """
    if sampling.mode is SamplingMode.INTERVAL:
        chosen = _on_screen(presented, sampling, clock, span)
    else:
        pool = keys if sampling.mode is SamplingMode.KEYFRAMES else presented
        low, high = _window(sampling, clock)
        chosen = pool[(pool >= math.ceil(low)) & (pool < math.ceil(high))]
    return chosen[(chosen >= span[0]) & (chosen < span[1])]


def _window(sampling: Sampling, clock: Clock) -> tuple[Fraction, Fraction]:
    """The wanted window in ticks, half-open, within the video."""
    low, high = Fraction(clock.first_pts), Fraction(clock.end_pts)
    if sampling.start_s is not None:
        low = max(low, clock.ticks(sampling.start_s))
    if sampling.end_s is not None:
        high = min(high, clock.ticks(sampling.end_s))
    return low, high


def _on_screen(presented: _Pts, sampling: Sampling, clock: Clock, span: tuple[int, int]) -> _Pts:
    """The frames with a target between them and the next; so many frames, however many targets."""
    step = sampling.interval_s / clock.time_base
    low, high = _window(sampling, clock)
    low, high = max(low, Fraction(span[0])), min(high, Fraction(span[1]))
    first, end = (math.ceil((bound - clock.first_pts) / step) for bound in (low, high))
    if not len(presented) or end <= first:
        return np.empty(0, np.int64)
    begins = _ceil_divide(presented - clock.first_pts, step)
    ends = np.append(begins[1:], end)
    holds_target: NDArray[np.bool_] = np.maximum(begins, first) < np.minimum(ends, end)
    return presented[holds_target]


def _ceil_divide(ticks: _Pts, step: Fraction) -> NDArray[np.int64]:
    """ceil(ticks / step), exactly: in Python's integers where 64 bits would not hold the product."""
    up, down = step.denominator, step.numerator
    if int(np.abs(ticks).max()) * up < 2**62 and down < 2**62:
        quotients: NDArray[np.int64] = -(-ticks * up // down)
        return quotients
    return np.array([-(-tick * up // down) for tick in map(int, ticks)], np.int64)


@dataclass(frozen=True, slots=True)
class Cut:
    """One stretch of the cut: its half-open span of PTS and what is wanted in it."""

    span: tuple[int, int]
    wanted: _Pts


@dataclass(frozen=True, slots=True)
class CutLimits:
    """How long a segment is."""

    segment_s: float = 60.0
    """The next key frame after so long ends it."""
    stretch_s: float = 120.0
    """Without a key frame for so long it is cut anywhere; the next one decodes from the key frame before."""
    targets: int = 600
    derived_targets: int | None = None
    """How long a segment of a video with derived timing is; None: all of it, however long."""

    @classmethod
    def of(cls, give: Give) -> Self:
        """Of an analysis that has this given: what goes to a service is held until it has answered, so it is less."""
        return cls() if give is Give.SCORES else cls(targets=120, derived_targets=600)


def cut_segments(
    index: PacketIndex, sampling: Sampling, clock: Clock, megapixels: float, limits: CutLimits = CutLimits()
) -> tuple[SegmentSpec, ...]:
    """The segments of a video, cut at key frames. Stretches without a wanted frame are left out.

    `megapixels` is the size of a frame: it weighs the work. Of a video with derived timing every segment is decoded
    from the beginning.
    """
    presented = index.presented()
    wanted = choose(presented, index.keys(), sampling, clock, (clock.first_pts, clock.end_pts))
    if index.timing == "derived":
        return tuple(
            _timed(
                SegmentSpec(ordinal, *cut.span, None, len(index), targets=len(cut.wanted)),
                clock,
                len(index) * megapixels,
            )
            for ordinal, cut in enumerate(_derived_cuts(wanted, clock, limits.derived_targets))
        )
    length, stretch = (max(1, math.floor(s / clock.time_base)) for s in (limits.segment_s, limits.stretch_s))
    cutter = _Cutter(presented, index.keys(), wanted, clock.end_pts, length, stretch, limits.targets)
    cuts = [cut for cut in cutter.cuts(clock.first_pts) if len(cut.wanted)]
    return tuple(_segment(ordinal, cut, index, clock, megapixels) for ordinal, cut in enumerate(cuts))


def _derived_cuts(wanted: _Pts, clock: Clock, targets: int | None) -> Iterator[Cut]:
    """So many wanted frames each; where none is wanted there is no cut."""
    step = targets or max(1, len(wanted))
    starts = [clock.first_pts, *map(int, wanted[step::step])]
    for number, span in enumerate(pairwise((*starts, clock.end_pts))):
        if len(wanted):
            yield Cut(span, wanted[number * step : (number + 1) * step])


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Where segments end; lengths in ticks."""

    presented: _Pts
    keys: _Pts
    wanted: _Pts
    end_pts: int
    length: int
    stretch: int
    targets: int

    def cuts(self, start: int) -> Iterator[Cut]:
        """Every stretch from `start` on."""
        while start < self.end_pts:
            end = self._end(start)
            low, high = np.searchsorted(self.wanted, (start, end))
            yield Cut((start, end), self.wanted[low:high])
            start = end

    def _end(self, start: int) -> int:
        """A key frame after `length`, else the last one in reach, else any frame: bounded in time and in targets."""
        latest = min(start + self.stretch, self._target_after(start))
        key = self._first(self.keys, min(start + self.length, latest))
        if key <= latest:
            return key
        if self.end_pts <= latest:
            return self.end_pts
        reachable = self.keys[(self.keys > start) & (self.keys <= latest)]
        return int(reachable[-1]) if len(reachable) else self._first(self.presented, latest)

    def _target_after(self, start: int) -> int:
        """The first target that is too many for the segment that begins at `start`."""
        at = int(np.searchsorted(self.wanted, start)) + self.targets
        return int(self.wanted[at]) if at < len(self.wanted) else self.end_pts

    def _first(self, pool: _Pts, low: int) -> int:
        at = int(np.searchsorted(pool, low))
        return int(pool[at]) if at < len(pool) else self.end_pts


def _segment(ordinal: int, cut: Cut, index: PacketIndex, clock: Clock, megapixels: float) -> SegmentSpec:
    runs = plan_runs(index, cut.wanted)
    first, last = min(run.first for run in runs), max(run.last for run in runs)
    entry = None if first == 0 or not index.key[first] else int(index.pts[first])
    spec = SegmentSpec(
        ordinal=ordinal,
        start_pts=cut.span[0],
        end_pts=cut.span[1],
        entry_pts=entry,
        packets=last + 1 - (0 if entry is None else first),
        targets=len(cut.wanted),
    )
    return _timed(spec, clock, _decoded(runs) * megapixels)


def _decoded(runs: list[Run]) -> int:
    return sum(run.last + 1 - run.first for run in runs)


def _timed(spec: SegmentSpec, clock: Clock, weight: float) -> SegmentSpec:
    assert spec.start_pts is not None  # noqa: S101  narrows the type: every video segment has a span
    assert spec.end_pts is not None  # noqa: S101
    start_s, end_s = (float(clock.seconds(pts)) for pts in (spec.start_pts, spec.end_pts))
    return replace(spec, start_s=start_s, end_s=end_s, weight=weight)
