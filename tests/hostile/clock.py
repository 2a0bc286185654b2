"""How long a child takes over each file, against what it may take: by the parent's own means, file by file."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from db.records import FileIdentity, Problem
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.detection import catalogue as detectors
from workers.hashing import current_identity
from workers.limits import ChildLimits, deadline_s
from workers.messages import AnalyseBatch, ProbeBatch, Probed, ProbeResult, ProbeWork, Reply, SegmentWork, Started
from workers.process import ChildFailure, ChildProcess
from workers.scoring import catalogue as scorers


@dataclass(frozen=True, slots=True)
class Lap:
    """One item: from the moment that it was in hand until its answer, or until its child was gone."""

    name: bytes
    took_s: float
    may_take_s: float


def laps(media: Path, names: Sequence[bytes], limits: ChildLimits) -> Iterator[Lap]:
    """Probe each file that can be opened, and analyse its segments, one at a time; a child that dies is replaced."""
    spec = AnalysisSpec(
        Sampling(interval_s=Fraction(1)), detectors.resolve(DetectorSpec()), scorers.resolve(ScorerSpec())
    )
    with _Children(limits) as children:
        for name in names:
            source = current_identity(os.path.join(os.fsencode(media), name))  # noqa: PTH118  names are bytes
            if not isinstance(source, Problem):
                yield from _laps_of(name, source, spec, children)


def _laps_of(name: bytes, source: FileIdentity, spec: AnalysisSpec, children: "_Children") -> Iterator[Lap]:
    work = ProbeWork(source, spec)
    took_s, replies = children.timed(ProbeBatch((work,)))
    yield Lap(name, took_s, deadline_s(work, children.limits))
    found = next((reply.result for reply in replies if isinstance(reply, Probed)), ProbeResult(None))
    for segment in found.segments if found.facts is not None else ():
        assert found.facts is not None
        part = SegmentWork(source, found.facts, segment, spec if found.facts.kind == "video" else spec.for_photos())
        yield Lap(name, children.timed(AnalyseBatch((part,)))[0], deadline_s(part, children.limits))


class _Children:
    """A child at a time."""

    def __init__(self, limits: ChildLimits) -> None:
        self.limits = limits
        self._child: ChildProcess | None = None

    def __enter__(self) -> "_Children":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def timed(
        self, request: ProbeBatch | AnalyseBatch, clock: Callable[[], float] = time.monotonic
    ) -> tuple[float, list[Reply]]:
        """Seconds over a request of one item, and what was said of it."""
        child = self._ready()
        began, replies = clock(), list[Reply]()
        try:
            for reply in child.ask(request):
                if isinstance(reply, Started):
                    began = clock()
                replies.append(reply)
        except ChildFailure:
            self._end()
        return clock() - began, replies

    def _ready(self) -> ChildProcess:
        if self._child is None:
            self._child = ChildProcess(self.limits, "cpu")
            self._child.wait_ready()
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child = None
