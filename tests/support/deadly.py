"""A child that dies over certain files: the real one, but a name that says `deadly` ends it by SIGSEGV, and one that
says `mortal` does so when the faces of its photo are scored.
"""

import os
import signal
from typing import Any

import numpy as np
from numpy.typing import NDArray

import workers.pipeline
from workers import child
from workers.messages import SegmentWork
from workers.pipeline import Looked
from workers.scoring.ferplus import FerPlus

_look_at = workers.pipeline.look_at
_score = FerPlus.score
_mortals: list[bytes] = []
"""Photos that were looked at: the next that is scored is among them."""


def _look_or_die(work: SegmentWork, *rest: Any, **named: Any) -> Looked:
    name = os.path.basename(work.source.path)  # noqa: PTH119  names are bytes
    if b"deadly" in name:
        _die()
    if b"mortal" in name:
        _mortals.append(name)
    return _look_at(work, *rest, **named)


def _score_or_die(self: FerPlus, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    if _mortals:
        _die()
    return _score(self, crops)


def _die() -> None:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def main(argument: str) -> None:
    """Run as a child does."""
    workers.pipeline.look_at = _look_or_die
    FerPlus.score = _score_or_die  # type: ignore[method-assign]
    child.main(argument)
