"""Tracks from the database and back: a media analysis is claimed, its faces are read, tracked and written."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import structlog

from db.errors import StoreError
from db.store import Store
from db.tracks import StoredFace, TrackClaim, TrackStore
from db.tracks_write import Tracked
from workers.tracking.sightings import FaceSeen, FrameSeen, Pacing, Rows
from workers.tracking.tracker import REVISION, default_gap_s, tracks_of

log = structlog.get_logger(__name__)

LEASE_S = 60.0
EXTENSIONS = 4
"""How often a lease is extended while it lasts."""
READ_FACES = 5_000


class _Over(Exception):
    """There is no use in going on: somebody else has the claim, or we are to stop."""


@dataclass(slots=True)
class TrackCounts:
    """What was done so far."""

    videos: int = 0
    faces: int = 0
    tracks: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Keys:
    """Which faces were read, in their order."""

    pts: Rows = field(default_factory=lambda: Rows(np.int64))
    face: Rows = field(default_factory=lambda: Rows(np.int32))


class Assigner:
    """Assigns tracks, one media analysis at a time."""

    def __init__(self, store: Store, owner: str, gap_s: float | None, is_stopped: Callable[[], bool]) -> None:
        self._tracks = TrackStore(store.engine, store.patience_s)
        self._owner = owner
        self._gap_s = gap_s
        self._is_stopped = is_stopped
        self._extended = 0.0
        self.counts = TrackCounts()

    def assign_next(self, job_id: str | None = None) -> bool:
        """Assign the tracks of one media analysis (that the job asks for, if given); False where none waits, or where
        we are to stop. Raises StoreError.
        """
        claim = None if self._is_stopped() else self._tracks.claim(self._owner, LEASE_S, REVISION, job_id)
        if claim is None:
            return False
        self._extended = time.monotonic()
        try:
            self._assign(claim)
        except _Over:
            self._tracks.give_back(claim)
        except StoreError:
            raise
        except Exception:
            # A mistake of ours in one video must not keep the others waiting.
            log.exception("action=tracks-failed", media_analysis=claim.media_analysis_id)
            self.counts.failed += 1
            self._tracks.give_up(claim, REVISION)
        return True

    def _assign(self, claim: TrackClaim) -> None:
        keys = _Keys()
        asked = self._gap_s if claim.asked_gap_s is None else claim.asked_gap_s
        gap_s = default_gap_s(claim.interval_s) if asked is None else asked
        pacing = Pacing(gap_s, claim.interval_s, claim.known_gap_s or 0.0)
        tracks = tracks_of(self._frames(claim, keys), pacing, lambda: self._pause(claim))
        tracked = Tracked(*(rows.tolist() for rows in (keys.pts.rows, keys.face.rows, tracks)))
        self._pause(claim, at_once=True)
        if not self._tracks.assign(claim, tracked, REVISION, gap_s):
            log.info("action=tracks-refused", media_analysis=claim.media_analysis_id)
            return
        self.counts.videos += 1
        self.counts.faces += len(tracks)
        self.counts.tracks += int(tracks.max(initial=0))
        log.info("action=tracks-assigned", media_analysis=claim.media_analysis_id, faces=len(tracks))

    def _frames(self, claim: TrackClaim, keys: _Keys) -> Iterator[FrameSeen]:
        """The frames of a media analysis that hold faces; the keys of these are noted."""
        for (_, time_s), faces in groupby(self._faces(claim), key=lambda one: (one.pts, one.time_s)):
            frame = list(faces)
            keys.pts.add(np.array([one.pts for one in frame], np.int64))
            keys.face.add(np.array([one.face for one in frame], np.int32))
            yield FrameSeen(time_s, [FaceSeen(one.box, one.appearance, one.track) for one in frame])

    def _faces(self, claim: TrackClaim) -> Iterator[StoredFace]:
        after = None
        while some := self._tracks.faces(claim, after, READ_FACES):
            yield from some
            after = some[-1].pts, some[-1].face
            self._pause(claim)

    def _pause(self, claim: TrackClaim, *, at_once: bool = False) -> None:
        """Hold on to the claim. Raises _Over."""
        if self._is_stopped():
            raise _Over
        if at_once or time.monotonic() - self._extended >= LEASE_S / EXTENSIONS:
            self._extended = time.monotonic()
            if not self._tracks.extend(claim, LEASE_S):
                raise _Over
