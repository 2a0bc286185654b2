"""The heart: one segment in, its frames and faces out. Knows no queue, no database, no key and no network."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from db.records import Face, Frame
from workers.analysis import PIPELINE_REVISION
from workers.detection.base import FaceDetector
from workers.detection.crop import aligned_crop
from workers.detection.faces import find_faces
from workers.errors import ModelError, WorkError
from workers.messages import Give, SegmentResult, SegmentWork
from workers.scoring.base import EmotionScorer
from workers.stages import Stages
from workers.toolbox import Toolbox
from workers.video.picture import Picture
from workers.video.source import open_source

SCORE_BATCH = 64
"""Crops that wait for the scorer at most: it is fastest in batches, and they bound what a segment holds."""
SUM_SLACK = 1e-3

Crops = list[NDArray[np.uint8]]


def process_segment(work: SegmentWork, toolbox: Toolbox, report: Callable[[int], None]) -> SegmentResult:
    """Analyse one segment: decode, detect, crop, score. `report` hears the number of frames done so far.

    Raises WorkError where the file or a model is at fault.
    """
    started_cpu_s = time.process_time()
    _check_revision(work)
    stages = Stages()
    with stages.timed("load"):
        detector = toolbox.detector(work.analysis.detector)
        scorer = toolbox.scorer(work.analysis.scorer)
    scoring = Scoring(scorer, stages, keep_crops=work.give is Give.GRAY)
    done = 0
    with ExitStack() as stack:
        with stages.timed("decode"):
            source = stack.enter_context(open_source(work))
        for picture in stages.each("decode", iter(source)):
            scoring.add(*_look(picture, detector, work.analysis.detector.min_face, stages))
            del picture  # a large frame is not kept while the next one is decoded
            done += 1
            report(done)
        fallbacks = source.fallbacks
    return SegmentResult(
        frames=scoring.finish(),
        fallbacks=fallbacks,
        cpu_s=time.process_time() - started_cpu_s,
        stages_s=stages.seconds,
        crops=scoring.kept_crops(),
    )


def _check_revision(work: SegmentWork) -> None:
    """Results of two revisions are never mixed under one analysis."""
    asked = work.analysis.pipeline_revision
    if asked != PIPELINE_REVISION:
        raise WorkError(
            "analysis.revision",
            f"it was submitted for revision {asked} of the analysis; this program is revision {PIPELINE_REVISION}",
            "submit the files again, or run it with the version of moodreel that submitted it",
            permanent=False,
        )


def _look(picture: Picture, detector: FaceDetector, min_face: int, stages: Stages) -> tuple[Frame, Crops]:
    """One frame with its faces, not yet scored, and a crop of each."""
    faces: list[Face] = []
    dropped = 0
    crops: Crops = []
    if picture.pixels is not None:
        with stages.timed("detect"):
            faces, dropped = find_faces(detector, picture.pixels, min_face)
        with stages.timed("crop"):
            crops = [aligned_crop(picture.pixels, face) for face in faces]
    return Frame(picture.pts, picture.time_s, tuple(faces), dropped, picture.status), crops


class Scoring:
    """Frames on their way through the scorer: crops of many frames are scored as one batch."""

    def __init__(self, scorer: EmotionScorer, stages: Stages, keep_crops: bool = False) -> None:
        self._scorer = scorer
        self._keep = keep_crops
        self._stages = stages
        self._frames: list[Frame] = []
        self._waiting: Crops = []
        self._scores: list[tuple[float, ...] | None] = []
        self._kept: Crops = []

    def add(self, frame: Frame, crops: Crops) -> None:
        """Take one frame with the crops of its faces, in order."""
        self._frames.append(frame)
        self._waiting.extend(crops)
        if self._keep:
            self._kept.extend(crops)
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

    def kept_crops(self) -> NDArray[np.uint8] | None:
        """Every crop, uint8 [faces, 64, 64], when the work asked for them."""
        if not self._keep:
            return None
        return np.stack(self._kept) if self._kept else np.empty((0, 64, 64), np.uint8)

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
