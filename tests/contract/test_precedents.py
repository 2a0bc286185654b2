"""What an estimate reads of a database, on both."""

from db.precedents import Found, Precedents, Wanted
from db.records import SegmentFailure
from db.store import Store
from tests.support.dbmaking import (
    BROKEN,
    admit,
    analysis,
    photo,
    result_of,
    run_all,
    sha256,
    start,
    unreadable,
    video,
)


def test_each_recording_of_a_job_is_wanted_once_with_what_is_to_be_looked_at(store: Store) -> None:
    job, other = start(store), start(store, 2)
    admit(store, job, photo("a.jpg"), video("b.mp4", segments=3), photo("copy.jpg", "a.jpg"), unreadable("c.mp4"))
    admit(store, other, photo("d.jpg"))
    assert Precedents(store.engine).wanted(job.id) == [
        Wanted(sha256("a.jpg"), True, 1),
        Wanted(sha256("b.mp4"), False, 30),
    ]


def test_what_came_of_recordings_is_told_by_analysis(store: Store) -> None:
    job = start(store)
    admit(store, job, photo("a.jpg"), video("b.mp4", segments=2), video("c.mp4", segments=2))
    precedents = Precedents(store.engine)
    by_name = {known.fingerprint: known.id for known in precedents.analyses()}
    assert list(by_name) == [analysis("photo").fingerprint, analysis("video").fingerprint]
    claimed = store.segments.claim("w", 60, 9)
    store.segments.commit([result_of(one, faces=2) for one in claimed if one.sha256 == sha256("a.jpg")])
    videos = {sha256("b.mp4"), sha256("c.mp4")}
    assert precedents.found(by_name["photo-default"], {sha256("a.jpg"), *videos}) == {
        sha256("a.jpg"): Found(1, 2, complete=True, whole=True)
    }
    assert precedents.found(by_name["video-default"], videos) == dict.fromkeys(
        videos, Found(0, 0, complete=False, whole=False)
    )
    assert precedents.found(by_name["video-default"], {sha256("b.mp4")}).keys() == {sha256("b.mp4")}


def test_where_a_segment_failed_not_every_face_was_counted(store: Store) -> None:
    job = start(store)
    admit(store, job, video("a.mp4", segments=2))
    failed, _ = store.segments.claim("w", 60, 2)
    store.segments.fail([SegmentFailure(failed.fence, BROKEN)])
    store.segments.release_all()
    run_all(store)
    precedents = Precedents(store.engine)
    (known,) = (one for one in precedents.analyses() if one.fingerprint == analysis("video").fingerprint)
    (found,) = precedents.found(known.id, {sha256("a.mp4")}).values()
    assert (found.frames, found.complete, found.whole) == (10, True, False)
