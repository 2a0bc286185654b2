"""The heart: one segment in, its frames and faces out. Knows no queue, no database, no key and no network."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from db.records import Face, Frame
from workers.detection.crop import aligned_crop
from workers.detection.faces import find_faces
from workers.messages import SegmentResult, SegmentWork
from workers.toolbox import Toolbox
from workers.video.source import open_source

Item = TypeVar("Item")

SCORE_BATCH = 64
"""Crops that wait for the scorer at most: it is fastest in batches, and they bound what a segment holds."""


def process_segment(work: SegmentWork, toolbox: Toolbox, report: Callable[[int], None]) -> SegmentResult:
    """Analyse one segment: decode, detect, crop, score. `report` hears the number of frames done so far.

    Raises WorkError where the file or a model is at fault.
    """
    started_cpu_s = time.process_time()
    stages = Stages()
    scoring = Scoring(work, toolbox, stages)
    detector = toolbox.detector(work.analysis.detector)
    with open_source(work) as source:
        for done, picture in enumerate(stages.each("decode", iter(source)), start=1):
            faces: list[Face] = []
            dropped = 0
            crops: list[NDArray[np.uint8]] = []
            if picture.pixels is not None:
                with stages.timed("detect"):
                    faces, dropped = find_faces(detector, picture.pixels, work.analysis.detector.min_face)
                with stages.timed("crop"):
                    crops = [aligned_crop(picture.pixels, face) for face in faces]
            scoring.add(Frame(picture.pts, picture.time_s, tuple(faces), dropped, picture.status), crops)
            report(done)
        fallbacks = source.fallbacks
    return SegmentResult(
        frames=scoring.finish(),
        fallbacks=fallbacks,
        cpu_s=time.process_time() - started_cpu_s,
        stages_s=stages.seconds,
        crops=scoring.kept_crops(),
    )


class Scoring:
    """Frames on their way through the scorer: crops of many frames are scored as one batch."""

    def __init__(self, work: SegmentWork, toolbox: Toolbox, stages: "Stages") -> None:
        self._scorer = toolbox.scorer(work.analysis.scorer)
        self._keep = work.want_crops
        self._stages = stages
        self._frames: list[Frame] = []
        self._waiting: list[NDArray[np.uint8]] = []
        self._scores: list[tuple[float, ...] | None] = []
        self._kept: list[NDArray[np.uint8]] = []

    def add(self, frame: Frame, crops: list[NDArray[np.uint8]]) -> None:
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
            self._scores.extend(tuple(map(float, row)) for row in probabilities)
        self._waiting.clear()


class Stages:
    """CPU seconds by stage, for the summary and for `--profile`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Charge the body to `stage`."""
        started = time.process_time()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.process_time() - started

    def each(self, stage: str, items: Iterator[Item]) -> Iterator[Item]:
        """Charge the production of every item to `stage`."""
        while True:
            with self.timed(stage):
                item = next(items, None)
            if item is None:
                return
            yield item
