"""A child that dies over certain files: the real one, but a name that says `deadly` ends it by SIGSEGV."""

import os
import signal

import workers.pipeline
from workers import child
from workers.messages import SegmentResult, SegmentWork

_process_segment = workers.pipeline.process_segment


def _process_or_die(work: SegmentWork, *rest: object) -> SegmentResult:
    if b"deadly" in os.path.basename(work.source.path):  # noqa: PTH119  names are bytes
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    return _process_segment(work, *rest)  # type: ignore[arg-type]


def main(argument: str) -> None:
    """Run as a child does."""
    workers.pipeline.process_segment = _process_or_die  # type: ignore[assignment]
    child.main(argument)
