"""Tracks from the database and back: what one who assigns does, whatever happens meanwhile."""

from typing import Any

import pytest

from db.store import Store
from db.tracks import TrackStore
from tests.support.dbmaking import change, rows
from tests.support.tracking import complete, tracks_in
from workers.tracking import assigning
from workers.tracking.assigning import Assigner, TrackCounts
from workers.tracking.rounds import TrackRounds
from workers.tracking.tracker import REVISION, tracks_of

TRACKS = "SELECT face, track, count(*) FROM face GROUP BY 1, 2 ORDER BY 1, 2"


def never() -> bool:
    return False


def test_every_complete_video_gets_its_tracks_whatever_order_its_segments_came_in(store: Store) -> None:
    job = complete(store, ["a.mp4", "b.mp4"])
    assigner = Assigner(store, "w", None, never)
    while assigner.assign_next(job):
        pass
    assert assigner.counts == TrackCounts(videos=2, faces=80, tracks=4)
    assert rows(store, TRACKS) == [(0, 1, 40), (1, 2, 40)]
    assert (
        rows(store, "SELECT tracks_revision, tracks_gap_s, tracks_attempt FROM media_analysis")
        == [(REVISION, 3.0, 1)] * 2
    )


def test_faces_are_read_in_pages_that_may_end_within_a_frame(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    complete(store)
    monkeypatch.setattr(assigning, "READ_FACES", 3)
    Assigner(store, "w", None, never).assign_next()
    assert rows(store, TRACKS) == [(0, 1, 20), (1, 2, 20)]


def test_whoever_is_to_stop_gives_back_and_writes_nothing(store: Store) -> None:
    complete(store)
    asked = iter(range(100))
    stopped = Assigner(store, "w", None, lambda: next(asked) >= 2)
    assert stopped.assign_next()
    assert not stopped.assign_next()
    assert rows(store, "SELECT track_state, tracks_owner FROM media_analysis") == [("none", None)]
    assert rows(store, "SELECT count(track) FROM face") == [(0,)]
    assert Assigner(store, "w", None, never).assign_next()


def test_whoever_was_thought_dead_meanwhile_writes_nothing(store: Store) -> None:
    complete(store)
    tracks = tracks_in(store)

    asked = iter(range(100))

    def others_take_over() -> bool:
        if next(asked) == 0:
            return False
        change(store, "UPDATE media_analysis SET tracks_lease_until = '2000-01-01 00:00:00.000000'")
        tracks.claim("other", 60.0, REVISION)
        return False

    slow = Assigner(store, "w", None, others_take_over)
    assert slow.assign_next()
    assert slow.counts == TrackCounts()
    assert rows(store, "SELECT tracks_owner FROM media_analysis") == [("other",)]
    assert rows(store, "SELECT count(track) FROM face") == [(0,)]


@pytest.mark.logs_errors
def test_a_video_that_the_tracker_stumbles_over_keeps_no_other_waiting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = complete(store, ["a.mp4", "b.mp4"])
    tries: list[object] = []

    def stumbling(*arguments: Any) -> Any:
        tries.append(arguments)
        if len(tries) == 1:
            raise ZeroDivisionError
        return tracks_of(*arguments)

    monkeypatch.setattr(assigning, "tracks_of", stumbling)
    assigner = Assigner(store, "w", None, never)
    while assigner.assign_next(job):
        pass
    assert assigner.counts == TrackCounts(videos=1, faces=40, tracks=2, failed=1)
    states = "SELECT track_state, tracks_revision FROM media_analysis ORDER BY id"
    assert rows(store, states) == [("none", REVISION), ("assigned", REVISION)]
    assert TrackStore(store.engine, 1.0).waiting(job, REVISION) == 0


def test_a_gap_that_was_asked_for_goes_before_that_of_the_settings(store: Store) -> None:
    job = complete(store)
    gap = "SELECT tracks_gap_s FROM media_analysis"
    Assigner(store, "w", 7.0, never).assign_next()
    assert rows(store, gap) == [(7.0,)]
    tracks_in(store).renew_all(job, 5.0)
    Assigner(store, "w", 7.0, never).assign_next()
    assert rows(store, gap) == [(5.0,)]


def test_a_worker_goes_round_until_it_is_over(store: Store) -> None:
    complete(store, ["a.mp4", "b.mp4"])
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return seconds > 0

    TrackRounds(store, "w", None, never).run(wait)
    assert rows(store, "SELECT DISTINCT track_state FROM media_analysis") == [("assigned",)]
    assert [seconds > 0 for seconds in waits] == [False, False, True]
