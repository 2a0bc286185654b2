"""What an emotion scorer is: aligned crops in, probabilities out."""

from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray


class EmotionScorer(Protocol):
    """Scores faces. One instance serves one thread."""

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Probabilities, float32 [n, 8] in the order of `db.emotions.EMOTIONS`, of gray crops, uint8 [n, 64, 64].

        None where the scorer gives none.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...
