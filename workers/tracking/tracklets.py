"""Every face of a video, some 50 bytes of each, and the tracklets that they make up: stretches that leave no doubt."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.tracking.likeness import Ids
from workers.tracking.look import LENGTH, SCENE
from workers.tracking.sightings import Batch, Rows

_SCENE_LENGTH = SCENE.stop - SCENE.start


def _numbers() -> Rows:
    return Rows(np.float64)


def _ids() -> Rows:
    return Rows(np.int64)


def _scenes() -> Rows:
    return Rows(np.float16, _SCENE_LENGTH)


@dataclass(slots=True)
class Tracklets:
    """Faces are in the order of time, those of a frame from left to right; tracklets in that of their first faces."""

    time_s: Rows = field(default_factory=_numbers)
    x: Rows = field(default_factory=_numbers)
    y: Rows = field(default_factory=_numbers)
    high: Rows = field(default_factory=_numbers)
    before: Rows = field(default_factory=_ids)
    tracklet: Rows = field(default_factory=_ids)
    """Of each face its tracklet."""
    place: Rows = field(default_factory=_ids)
    """Of each face its place among all as they were given."""
    looks: Rows = field(default_factory=lambda: Rows(np.float16, LENGTH))
    """Of each tracklet its mean look. There may be as many tracklets as faces: they are kept small."""
    head_scenes: Rows = field(default_factory=_scenes)
    tail_scenes: Rows = field(default_factory=_scenes)
    counts: Rows = field(default_factory=_ids)
    """Of each tracklet its faces."""

    def add(self, batch: Batch, previous: Ids) -> None:
        """Add a batch. `previous`: of each face the one, counted among all, that it is beyond doubt; -1: none is."""
        first = len(self.tracklet)
        born = previous < 0
        ids = np.full(len(previous), -1, np.int64)
        ids[born] = len(self.counts) + np.arange(np.count_nonzero(born))
        for face in np.flatnonzero(~born).tolist():  # each after the one that it is
            before = previous[face]
            ids[face] = self.tracklet.rows[before] if before < first else ids[before - first]
        self._describe(batch, ids, born)
        self.place.add(first + batch.places)
        self.tracklet.add(ids)
        faces = batch.faces
        pairs = (self.time_s, faces.time_s), (self.x, faces.x), (self.y, faces.y), (self.high, faces.high)
        for rows, values in (*pairs, (self.before, faces.before)):
            rows.add(values)

    def _describe(self, batch: Batch, ids: Ids, born: NDArray[np.bool_]) -> None:
        looks, scenes = batch.faces.looks, batch.faces.scenes
        self.looks.add(np.zeros((np.count_nonzero(born), LENGTH), np.float16))
        self.counts.add(np.zeros(np.count_nonzero(born), np.int64))
        self.head_scenes.add(scenes[born])
        self.tail_scenes.add(scenes[born])
        order = np.argsort(ids, kind="stable")
        some, edges, many = np.unique(ids[order], return_index=True, return_counts=True)
        counts = self.counts.rows[some]
        total = self.looks.rows[some].astype(np.float32) * counts[:, None] + np.add.reduceat(looks[order], edges)
        self.looks.rows[some] = total / (counts + many)[:, None]
        self.counts.rows[some] += many
        self.tail_scenes.rows[some] = scenes[order[edges + many - 1]]
