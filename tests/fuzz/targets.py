"""What is fuzzed: bytes in; out comes nothing, or an error of a kind that a child answers with."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import islice

from db.records import FileIdentity
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, SamplingMode, ScorerSpec
from workers.errors import MediaError
from workers.hashing import identify
from workers.messages import ProbeResult, ProbeWork, SegmentWork
from workers.video.probe import probe as probe_file
from workers.video.source import open_source

SEGMENTS, FRAMES = 2, 12
"""How much of a file is decoded at most."""
ANSWERED = (MediaError, MemoryError)
"""What a child answers for: memory runs out where a library is talked into asking for more than there is."""
_SAMPLINGS = (Sampling(SamplingMode.EVERY_FRAME), Sampling(interval_s=Fraction(1)), Sampling(SamplingMode.KEYFRAMES))


def probe(data: bytes) -> None:
    """Look into a file as a run does first."""
    with _file(data) as source:
        _probed(source, _SAMPLINGS[1])


def decode(data: bytes) -> None:
    """Look into a file, then read some of its frames, each way of sampling in turn."""
    with _file(data) as source:
        sampling = _SAMPLINGS[len(data) % len(_SAMPLINGS)]
        found = _probed(source, sampling)
        if found is None or found.facts is None:
            return
        analysis = AnalysisSpec(sampling, DetectorSpec(), ScorerSpec())
        for segment in found.segments[:SEGMENTS]:
            with suppress(*ANSWERED), open_source(SegmentWork(source, found.facts, segment, analysis)) as frames:
                for _ in islice(frames, FRAMES):
                    pass


TARGETS: dict[str, Callable[[bytes], None]] = {"probe": probe, "decode": decode}


def _probed(source: FileIdentity, sampling: Sampling) -> ProbeResult | None:
    with suppress(*ANSWERED):
        return probe_file(ProbeWork(source, AnalysisSpec(sampling, DetectorSpec(), ScorerSpec())))
    return None


@contextmanager
def _file(data: bytes) -> Iterator[FileIdentity]:
    """A file in memory that holds these bytes."""
    number = os.memfd_create("fuzzed")
    try:
        os.write(number, data)
        path = f"/proc/self/fd/{number}".encode()
        yield identify(path, os.stat(path))  # noqa: PTH116  names are bytes
    finally:
        os.close(number)
