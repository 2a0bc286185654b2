"""Faces of many frames on their way through a local scorer: it is fastest in batches."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from db.records import Frame
from workers.errors import ModelError
from workers.scoring.base import EmotionScorer
from workers.stages import Stages

Crop = NDArray[np.uint8]
SCORE_BATCH = 64
"""Crops that wait for the scorer at most, but for those of one frame: they bound what a segment holds."""
SUM_SLACK = 1e-3
SCORE = "score"
"""The stage that scoring is charged to."""


class Scoring:
    """Frames of one segment on their way through the scorer; those of other segments may be in the same `pool`."""

    def __init__(self, scorer: EmotionScorer, stages: Stages, pool: "Pool | None" = None) -> None:
        self.scorer = scorer
        self._pool = pool or Pool()
        self._stages = stages
        self._frames: list[Frame] = []
        self._scores: list[tuple[float, ...] | None] = []

    def add(self, frame: Frame, pieces: Sequence[Crop]) -> None:
        """Take one frame with the crops of its faces, in order."""
        self._frames.append(frame)
        self._pool.add(self, pieces)

    def finish(self) -> tuple[Frame, ...]:
        """Every frame taken, its faces scored, in the order they came."""
        self._pool.empty(self)
        scores = iter(self._scores)
        return tuple(
            replace(frame, faces=tuple(replace(face, scores=next(scores)) for face in frame.faces))
            for frame in self._frames
        )

    def take(self, scores: Sequence[tuple[float, ...] | None], cpu_s: float) -> None:
        """The next of its faces are scored, which took so long."""
        self._scores.extend(scores)
        self._stages.charge(SCORE, cpu_s)


class Pool:
    """Crops of many frames, be they of one segment or of several with one scorer, which are scored as one batch.

    `together` is told before crops of several segments are scored: what the scorer does then is no fault of one alone.
    """

    def __init__(self, together: Callable[[], None] = lambda: None) -> None:
        self._together = together
        self._waiting: list[tuple[Scoring, Crop]] = []
        self._apart = False

    def add(self, owner: Scoring, pieces: Sequence[Crop]) -> None:
        """Take the crops of one frame."""
        self._waiting.extend((owner, piece) for piece in pieces)
        if len(self._waiting) >= SCORE_BATCH:
            self.empty(owner)

    def empty(self, owner: Scoring) -> None:
        """Score what waits, so that nothing of this owner's does.

        A crop that the scorer stumbles over must not cost other segments theirs: from then on each goes alone, and
        only what is wrong with its own crops is raised to it.
        """
        if any(one is not owner for one, _ in self._waiting) and not self._apart:
            self._together()
            try:
                self._score(self._waiting)
            except Exception:  # noqa: BLE001  whatever it was, it is raised below to the one it belongs to
                self._apart = True
            else:
                self._waiting = []
        own = [one for one in self._waiting if one[0] is owner]
        self._waiting = [one for one in self._waiting if one[0] is not owner]
        self._score(own)

    def _score(self, waiting: Sequence[tuple[Scoring, Crop]]) -> None:
        if not waiting:
            return
        began_s = time.process_time()
        rows = waiting[0][0].scorer.score(np.stack([crop for _, crop in waiting]))
        if rows is not None:
            _check_probabilities(rows, len(waiting))
        each_s = (time.process_time() - began_s) / len(waiting)
        for place, (owner, _) in enumerate(waiting):
            owner.take([None if rows is None else tuple(map(float, rows[place]))], each_s)


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
