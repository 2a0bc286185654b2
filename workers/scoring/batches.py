"""Faces of many frames on their way through a local scorer: it is fastest in batches."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from db.records import Frame
from workers.errors import ModelError
from workers.scoring.base import EmotionScorer
from workers.stages import Stages

SCORE_BATCH = 64
"""Crops that wait for the scorer at most: they bound what a segment holds."""
SUM_SLACK = 1e-3


class Scoring:
    """Frames on their way through the scorer: crops of many frames are scored as one batch."""

    def __init__(self, scorer: EmotionScorer, stages: Stages) -> None:
        self._scorer = scorer
        self._stages = stages
        self._frames: list[Frame] = []
        self._waiting: list[NDArray[np.uint8]] = []
        self._scores: list[tuple[float, ...] | None] = []

    def add(self, frame: Frame, pieces: Sequence[NDArray[np.uint8]]) -> None:
        """Take one frame with the crops of its faces, in order."""
        self._frames.append(frame)
        self._waiting.extend(pieces)
        if len(self._waiting) >= SCORE_BATCH:
            self._score()

    def finish(self) -> tuple[Frame, ...]:
        """Every frame taken, its faces scored, in the order they came."""
        self._score()
        scores = iter(self._scores)
        return tuple(
            replace(frame, faces=tuple(replace(face, scores=next(scores)) for face in frame.faces))
            for frame in self._frames
        )

    def _score(self) -> None:
        if not self._waiting:
            return
        with self._stages.timed("score"):
            probabilities = self._scorer.score(np.stack(self._waiting))
        if probabilities is None:
            self._scores.extend([None] * len(self._waiting))
        else:
            _check_probabilities(probabilities, len(self._waiting))
            self._scores.extend(tuple(map(float, row)) for row in probabilities)
        self._waiting.clear()


def _check_probabilities(rows: NDArray[np.float32], faces: int) -> None:
    """What goes into the database is what the columns promise, whoever wrote the scorer."""
    right_shape = rows.shape == (faces, len(EMOTIONS))
    if not right_shape or not np.all((rows >= 0) & (rows <= 1)) or np.any(abs(rows.sum(axis=1) - 1) > SUM_SLACK):
        raise ModelError(
            "scorer.contract",
            f"the scorer gave no {faces} rows of {len(EMOTIONS)} probabilities"
            + ("" if right_shape else f" but an array of shape {rows.shape}"),
            "use another scorer (`moodreel scorers`), or tell the one who wrote it",
        )
