"""What the database holds of one recording, as arrays to draw from."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from db.drawing import ROWS_AT_ONCE, faces_seen, looked_at
from db.emotions import EMOTIONS
from db.records import MediaFacts
from db.states import FrameStatus
from workers.analysis import Sampling, SamplingMode
from workers.drawing.holding import Rows, held_until
from workers.drawing.work import NO_TRACK, NOT_SCORED, Seen
from workers.video.index import Clock

_EMOTIONS = {None: NOT_SCORED} | {name: place for place, name in enumerate(EMOTIONS)}
_FACE = np.dtype(
    [("pts", "i8"), ("track", "i4"), ("dominant", "i1"), ("scores", "f2", (len(EMOTIONS),)), ("xywh", "f4", (4,))]
)


def seen_in(connection: Connection, media_analysis_id: int, facts: MediaFacts, sampling: Sampling | None) -> Seen:
    """What was seen in a recording that was sampled so; None: a photo."""
    looked, until = held_until(_rows(connection, media_analysis_id), _step(facts, sampling))
    faces = _faces(connection, media_analysis_id)
    return Seen(looked, until, *(np.ascontiguousarray(faces[name]) for name in _FACE.names or ()))


def _rows(connection: Connection, media_analysis_id: int) -> Rows:
    found = [(pts, status != FrameStatus.MISSING, at) for pts, status, at in looked_at(connection, media_analysis_id)]
    table = np.array(found, np.int64).reshape(-1, 3)
    return Rows(table[:, 0], table[:, 1].astype(bool), table[:, 2])


def _step(facts: MediaFacts, sampling: Sampling | None) -> float | None:
    """Ticks from one look to the next; None where that varies."""
    if sampling is None or sampling.mode is not SamplingMode.INTERVAL:
        return None
    return float(sampling.interval_s / Clock.of(facts).time_base)


def _faces(connection: Connection, media_analysis_id: int) -> "np.ndarray[Any, Any]":
    rows = map(_face, faces_seen(connection, media_analysis_id))
    parts = list(_in_parts(rows))
    return np.concatenate(parts) if parts else np.empty(0, _FACE)


def _face(row: tuple[Any, ...]) -> tuple[Any, ...]:
    pts, track, dominant, *numbers = row
    scores = tuple(np.nan if score is None else score for score in numbers[: len(EMOTIONS)])
    return pts, NO_TRACK if track is None else track, _EMOTIONS[dominant], scores, tuple(numbers[len(EMOTIONS) :])


def _in_parts(rows: Iterator[tuple[Any, ...]]) -> Iterator["np.ndarray[Any, Any]"]:
    """As arrays of some thousands: a row takes ten times as much as its numbers."""
    while part := list(islice(rows, ROWS_AT_ONCE)):
        yield np.array(part, _FACE)
