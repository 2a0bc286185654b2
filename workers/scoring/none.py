"""The scorer for those who want boxes only."""

from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workers.analysis import ScorerSpec


class NoScorer:
    """Gives no scores: faces are stored with NULL probabilities."""

    def __init__(self, spec: ScorerSpec, device: str = "auto") -> None:
        del spec, device  # the signature of every scorer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        return

    def score(self, crops: NDArray[np.uint8]) -> None:
        """No probabilities for any crops."""
        del crops
