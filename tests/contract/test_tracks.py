"""Tracks in the database: claimed once, fenced, written whole or not at all, and what they were assigned by removed."""

import pytest

from db.records import SegmentFailure
from db.store import Store
from db.tracks import TrackClaim, TrackStore
from db.tracks_write import Tracked
from tests.support.dbmaking import BROKEN, admit, change, photo, rows, run_all, start, video
from tests.support.tracking import complete, tracks_in, two_people

STATES = "SELECT track_state, tracks_revision, tracks_owner, tracks_lease_until FROM media_analysis ORDER BY id"


def claimed(tracks: TrackStore, owner: str = "w", revision: int = 1, job_id: str | None = None) -> TrackClaim:
    claim = tracks.claim(owner, 60.0, revision, job_id)
    assert claim is not None
    return claim


def tracked(tracks: TrackStore, claim: TrackClaim, track: int | None = None) -> Tracked:
    """The left one is 1, the right one 2, unless all are to be one."""
    faces = tracks.faces(claim, None, 1000)
    return Tracked([one.pts for one in faces], [one.face for one in faces], [track or 1 + one.face for one in faces])


def expire(store: Store) -> None:
    change(store, "UPDATE media_analysis SET tracks_lease_until = '2000-01-01 00:00:00.000000'")


def test_a_complete_video_is_claimed_once_and_nothing_else_is(store: Store) -> None:
    complete(store)
    job = start(store, 2)
    admit(store, job, photo("b.jpg"))
    run_all(store)
    admit(store, job, video("open.mp4", 2))
    tracks = tracks_in(store)
    claim = claimed(tracks)
    assert (claim.attempt, claim.interval_s, claim.asked_gap_s, claim.known_gap_s) == (1, 1.0, None, None)
    assert claim.faces == 40
    assert tracks.claim("other", 60.0, 1) is None


def test_a_job_has_only_what_it_asks_for(store: Store) -> None:
    first = complete(store, ["a.mp4"], number=1)
    second = complete(store, ["b.mp4"], number=2)
    tracks = tracks_in(store)
    assert (tracks.waiting(first, 1), tracks.waiting(second, 1)) == (1, 1)
    claim = claimed(tracks, job_id=second)
    assert tracks.claim("w", 60.0, 1, second) is None
    assert claimed(tracks, job_id=first).media_analysis_id != claim.media_analysis_id


def test_every_face_gets_its_track_and_what_it_looked_like_is_removed(store: Store) -> None:
    job = complete(store)
    tracks = tracks_in(store)
    assert rows(store, "SELECT count(*) FROM face WHERE appearance IS NOT NULL") == [(40,)]
    claim = claimed(tracks)
    assert tracks.assign(claim, tracked(tracks, claim), 1, 2.0)
    assert rows(store, "SELECT track, face, count(appearance), count(*) FROM face GROUP BY 1, 2 ORDER BY 1") == [
        (1, 0, 0, 20),
        (2, 1, 0, 20),
    ]
    assert rows(store, STATES) == [("assigned", 1, None, None)]
    assert tracks.claim("w", 60.0, 1) is None
    assert tracks.waiting(job, 1) == 0


def test_a_video_without_a_face_is_assigned_too(store: Store) -> None:
    admit(store, start(store), video("a.mp4"))
    run_all(store, faces=0)
    tracks = tracks_in(store)
    assert tracks.assign(claimed(tracks), Tracked([], [], []), 1, 2.0)
    assert rows(store, STATES) == [("assigned", 1, None, None)]


def test_faces_are_read_page_by_page_in_the_order_of_time(store: Store) -> None:
    complete(store)
    tracks = tracks_in(store)
    claim = claimed(tracks)
    found, after = [], None
    while page := tracks.faces(claim, after, 7):
        found += page
        after = page[-1].pts, page[-1].face
    assert found == tracks.faces(claim, None, 1000)
    assert [(one.time_s, one.face) for one in found] == [(float(at), face) for at in range(20) for face in (0, 1)]


def test_whoever_dies_leaves_a_claim_to_another_and_comes_too_late_himself(store: Store) -> None:
    complete(store)
    tracks = tracks_in(store)
    dead = claimed(tracks, "dead")
    assert tracks.extend(dead, 60.0)
    expire(store)
    alive = claimed(tracks, "alive")
    assert alive.attempt == dead.attempt + 1
    assert not tracks.extend(dead, 60.0)
    assert not tracks.assign(dead, tracked(tracks, dead, 9), 1, 2.0)
    tracks.give_back(dead)
    assert rows(store, "SELECT DISTINCT track FROM face") == [(None,)]
    assert tracks.assign(alive, tracked(tracks, alive), 1, 2.0)


def test_a_claim_that_is_given_back_is_there_for_others_at_once(store: Store) -> None:
    complete(store)
    tracks = tracks_in(store)
    tracks.give_back(claimed(tracks))
    assert claimed(tracks).attempt == 2
    tracks.release_all()
    assert claimed(tracks).attempt == 4  # the claim of whoever is gone was voided, too


def test_what_a_tracker_fails_at_is_left_to_a_later_one(store: Store) -> None:
    job = complete(store)
    tracks = tracks_in(store)
    tracks.give_up(claimed(tracks), 1)
    assert tracks.claim("w", 60.0, 1) is None
    assert (tracks.waiting(job, 1), tracks.waiting(job, 2)) == (0, 1)
    assert claimed(tracks, revision=2).attempt == 2


def test_segments_that_are_tried_again_void_tracks_and_whoever_is_assigning_some(store: Store) -> None:
    job = start(store)
    admit(store, job, video("a.mp4", 2))
    first, second = store.segments.claim("w", 60.0, 2)
    store.segments.commit([two_people(first)])
    store.segments.fail([SegmentFailure(second.fence, BROKEN)])
    tracks = tracks_in(store)
    claim = claimed(tracks)
    assert tracks.assign(claim, tracked(tracks, claim), 1, 2.0)
    store.jobs.retry(job.id)
    assert tracks.claim("w", 60.0, 1) is None
    (again,) = store.segments.claim("w", 60.0, 2)
    store.segments.fail([SegmentFailure(again.fence, BROKEN)])
    late = claimed(tracks)
    store.jobs.retry(job.id)
    assert not tracks.assign(late, tracked(tracks, late, 9), 1, 2.0)
    (again,) = store.segments.claim("w", 60.0, 2)
    store.segments.commit([two_people(again)])
    last = claimed(tracks)
    assert last.faces == 40
    assert tracks.assign(last, tracked(tracks, last), 1, 2.0)
    assert rows(store, "SELECT count(*) FROM face WHERE track IS NULL") == [(0,)]


def test_what_is_forgotten_meanwhile_is_written_nowhere(store: Store) -> None:
    job = complete(store)
    tracks = tracks_in(store)
    claim = claimed(tracks)
    some = tracked(tracks, claim)
    store.forgetting.forget(store.forgetting.find(job))
    assert not tracks.assign(claim, some, 1, 2.0)
    assert tracks.faces(claim, None, 10) == []


def test_a_newer_tracker_has_older_tracks_assigned_anew_and_never_the_other_way_round(store: Store) -> None:
    complete(store)
    tracks = tracks_in(store)
    claim = claimed(tracks)
    tracks.assign(claim, tracked(tracks, claim), 2, 2.0)
    assert tracks.renew(1) == 0
    assert tracks.renew(2) == 0
    assert tracks.renew(3) == 1
    assert claimed(tracks, revision=3).attempt == claim.attempt + 2


def test_another_gap_has_tracks_assigned_anew_only_where_it_is_asked_for(store: Store) -> None:
    job = complete(store)
    tracks = tracks_in(store)
    claim = claimed(tracks)
    tracks.assign(claim, tracked(tracks, claim), 1, 2.0)
    assert tracks.renew(1, job) == 0
    assert tracks.renew(1, job, 5.0) == 1
    again = claimed(tracks)
    assert (again.asked_gap_s, again.known_gap_s) == (5.0, 2.0)
    tracks.assign(again, tracked(tracks, again), 1, 2.0)
    assert tracks.renew(1, job, 5.0) == 0
    assert tracks.renew_all(job, None) == 1
    last = claimed(tracks)
    assert (last.asked_gap_s, tracks.faces(last, None, 1)[0].track) == (None, 1)


@pytest.mark.parametrize("faces", [3001])
def test_many_faces_are_written_in_one_go(store: Store, faces: int) -> None:
    complete(store)
    tracks = tracks_in(store)
    claim = claimed(tracks)
    some = tracked(tracks, claim)
    missing = [10**9 + number for number in range(faces)]  # such rows are not there, and nothing comes of them
    assert tracks.assign(
        claim, Tracked([*some.pts, *missing], [*some.face, *[0] * faces], [*some.track, *[7] * faces]), 1, 2.0
    )
    assert rows(store, "SELECT track, count(*) FROM face GROUP BY 1 ORDER BY 1") == [(1, 20), (2, 20)]
