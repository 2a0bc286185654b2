"""Jobs: found by what people call them, sealed, cancelled, revived, retried, counted, listed."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.errors import Ambiguous, NotFound
from db.records import FilePlace, Frame, Problem, SegmentCommit, SegmentFailure
from db.schema import job, segment
from db.states import FrameStatus, JobState
from db.store import Store
from tests.support.dbmaking import (
    BROKEN,
    PHOTO,
    ROOT,
    admit,
    analysis,
    change,
    counted_truth,
    counters,
    job_id,
    photo,
    result_of,
    rows,
    run_all,
    start,
    unreadable,
    video,
)

CRASH = Problem("child.crashed", "its process ended", "try again", permanent=False)


def fail_everything(store: Store) -> None:
    for claimed in store.segments.claim("w", 60, 100):
        store.segments.fail([SegmentFailure(claimed.fence, BROKEN)])


def test_a_new_job_is_discovering_and_remembers_its_request(store: Store) -> None:
    made = start(store, 1, request_json='{"paths": ["/data/\\udcff"]}')
    assert made == store.jobs.get(made.id)
    assert (made.state, made.request_json, made.sealed_at, made.skipped) == (
        JobState.DISCOVERING, '{"paths": ["/data/\\udcff"]}', None, 0,
    )  # fmt: skip


def test_equal_analyses_are_stored_once(store: Store) -> None:
    first, second = start(store, 1), start(store, 2)
    third = start(store, 3, video_analysis=analysis("video", "other"))
    assert first.video_analysis_id == second.video_analysis_id != third.video_analysis_id
    assert first.photo_analysis_id == third.photo_analysis_id


def test_a_job_is_found_by_id_end_name_and_latest(store: Store) -> None:
    first, second = start(store, 1, name="pilot"), start(store, 2, name=None)
    assert store.jobs.find(first.id) == first
    assert store.jobs.find(first.id[-12:].upper()) == first
    assert store.jobs.find("pilot") == first
    assert store.jobs.find(" latest ") == second


def test_a_name_means_the_newest_job_of_that_name(store: Store) -> None:
    start(store, 1, name="pilot")
    newest = start(store, 2, name="pilot")
    assert store.jobs.find("pilot") == newest


@pytest.mark.parametrize("reference", ["nothing", "", "f01", "%%%%", "____", "latest"])
def test_what_fits_no_job_says_how_to_find_them(store: Store, reference: str) -> None:
    if reference != "latest":
        start(store, 1)
    with pytest.raises(NotFound, match="no job") as caught:
        store.jobs.find(reference)
    assert "moodreel jobs" in caught.value.hint


def test_an_end_that_fits_two_jobs_is_refused(store: Store) -> None:
    start(store, 1), start(store, 2)
    with pytest.raises(Ambiguous):
        store.jobs.find(job_id(1)[-8:])


def test_jobs_come_newest_first(store: Store) -> None:
    for number in (2, 1, 3):
        start(store, number)
    assert [one.id for one in store.jobs.list()] == [job_id(3), job_id(2), job_id(1)]


def test_sealing_happens_once_and_not_to_a_cancelled_job(store: Store) -> None:
    one, other = start(store, 1), start(store, 2)
    store.jobs.seal(one.id)
    store.jobs.cancel(other.id)
    store.jobs.seal(other.id)
    assert [store.jobs.get(made.id).state for made in (one, other)] == [JobState.SEALED, JobState.CANCELLED]


def test_a_heartbeat_says_who_walks_and_how_much_was_passed_over(store: Store) -> None:
    made = start(store)
    change(store, "UPDATE job SET submitter_seen_at = '2001-01-01 00:00:00.000000'")
    store.jobs.heartbeat(made.id, "other:7", 3)
    seen = store.jobs.get(made.id)
    assert (seen.submitter, seen.skipped, seen.submitter_seen_at > "2020") == ("other:7", 3, True)


def test_a_cancelled_job_starts_nothing_more(store: Store) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"), photo("b.jpg"))
    (running,) = store.segments.claim("w", 60, 1)
    store.jobs.cancel(made.id)
    assert store.jobs.is_cancelled(made.id)
    assert (store.segments.claim("w", 60, 1), store.segments.queued(made.id)) == ([], 0)
    assert store.segments.commit([result_of(running)])[0].accepted


def test_a_segment_that_another_live_job_wants_runs_on(store: Store) -> None:
    one, other = start(store, 1), start(store, 2)
    admit(store, one, photo("a.jpg"), photo("mine.jpg"))
    admit(store, other, photo("a.jpg"))
    store.jobs.cancel(one.id)
    assert [claimed.path for claimed in store.segments.claim("w", 60, 9)] == ["a.jpg"]


def test_a_new_job_wants_again_what_a_cancelled_one_left(store: Store) -> None:
    one = start(store, 1)
    admit(store, one, photo("a.jpg"))
    store.jobs.cancel(one.id)
    assert admit(store, start(store, 2), photo("a.jpg")).waiting_segments == 1
    assert run_all(store) == 1


def test_files_that_reach_a_job_after_its_cancellation_are_not_started(store: Store) -> None:
    one = start(store, 1)
    store.jobs.cancel(one.id)
    admit(store, one, photo("a.jpg"))
    assert run_all(store) == 0
    store.jobs.revive(one.id)
    assert run_all(store) == 1


@pytest.mark.parametrize("sealed", [True, False])
def test_revival_takes_up_the_segments_and_a_walk_that_was_not_complete(sealed: bool, store: Store) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    if sealed:
        store.jobs.seal(made.id)
    store.jobs.cancel(made.id)
    store.jobs.revive(made.id)
    assert store.jobs.get(made.id).state == (JobState.SEALED if sealed else JobState.DISCOVERING)
    assert not store.jobs.is_cancelled(made.id)
    assert run_all(store) == 1


def test_revival_leaves_a_job_that_was_not_cancelled_as_it_is(store: Store) -> None:
    made = start(store)
    store.jobs.seal(made.id)
    store.jobs.revive(made.id)
    assert store.jobs.get(made.id).state == JobState.SEALED


def test_a_forgotten_job_counts_as_cancelled(store: Store) -> None:
    assert store.jobs.is_cancelled("nobody")


def test_retry_queues_failures_again_under_raised_caps(store: Store) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"), photo("b.jpg"))
    for _ in range(3):
        for claimed in store.segments.claim("w", 60, 9):
            store.segments.fail([SegmentFailure(claimed.fence, CRASH)])
    store.jobs.seal(made.id)
    assert store.jobs.retry(made.id) == 2
    assert store.jobs.get(made.id).state == JobState.SEALED
    assert counters(store) == counted_truth(store)
    for expected in ("queued", "queued", "failed"):
        (claimed, *_) = store.segments.claim("w", 60, 1)
        assert store.segments.fail([SegmentFailure(claimed.fence, CRASH)])[0].state == expected
    assert rows(store, sa.select(segment.c.failures, segment.c.max_failures).order_by(segment.c.id))[0] == (6, 6)


def test_retry_leaves_what_is_done_and_the_failures_of_other_jobs(store: Store) -> None:
    one, other = start(store, 1), start(store, 2)
    admit(store, one, photo("a.jpg"))
    run_all(store)
    admit(store, one, photo("b.jpg"))
    admit(store, other, photo("c.jpg"))
    fail_everything(store)
    assert store.jobs.retry(one.id) == 1
    assert [claimed.path for claimed in store.segments.claim("w", 60, 9)] == ["b.jpg"]


def test_retry_lets_unreadable_files_be_walked_again(store: Store) -> None:
    made = start(store)
    admit(store, made, unreadable("c.mp4"))
    store.jobs.seal(made.id)
    assert store.jobs.unread(made.id) == [FilePlace(ROOT, b"c.mp4", "c.mp4")]
    assert store.jobs.retry(made.id) == 1
    assert store.jobs.get(made.id).state == JobState.DISCOVERING
    assert admit(store, made, video("c.mp4", segments=1)).new_segments == 1


def test_retry_without_failures_changes_nothing(store: Store) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    store.jobs.seal(made.id)
    assert store.jobs.retry(made.id) == 0
    assert store.jobs.get(made.id).state == JobState.SEALED


def test_retry_completes_again_what_it_opened(store: Store) -> None:
    made = start(store)
    admit(store, made, video("a.mp4", segments=2))
    first, second = store.segments.claim("w", 60, 2)
    store.segments.commit([result_of(first)])
    store.segments.fail([SegmentFailure(second.fence, BROKEN)])
    store.jobs.retry(made.id)
    assert rows(store, "SELECT state, completed_at IS NULL FROM media_analysis") == [("open", True)]
    run_all(store)
    assert rows(store, "SELECT state, segments_done, segments_failed FROM media_analysis") == [("complete", 2, 0)]


def test_counts_tell_where_a_job_stands(store: Store) -> None:
    made = start(store)
    partial = photo("p.jpg", facts=PHOTO.__class__(**{**_fields(PHOTO), "partial": BROKEN}))
    files = (video("a.mp4", segments=3), video("copy.mp4", segments=3, content="a.mp4"), unreadable("c.mp4"), partial)
    admit(store, made, *files)
    first, second, _ = store.segments.claim("w", 60, 3, kind="video")
    store.segments.commit([result_of(first)])
    store.segments.fail([SegmentFailure(second.fence, BROKEN)])
    store.jobs.heartbeat(made.id, "w", 5)
    counts = store.jobs.counts(made.id)
    assert (counts.files, counts.files_failed, counts.files_partial, counts.files_done, counts.skipped) == (
        4,
        3,
        1,
        0,
        5,
    )
    assert (counts.segments, counts.queued, counts.running, counts.done, counts.failed) == (4, 1, 1, 1, 1)
    assert (counts.targets, counts.frames, counts.faces) == (31, 10, 5)
    assert (counts.media_s, counts.media_done_s) == (30.0, 10.0)
    assert not counts.finished


def _fields(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__class__.__slots__}  # type: ignore[attr-defined]


def test_counts_of_an_empty_job_are_zero_and_finished(store: Store) -> None:
    counts = store.jobs.counts(start(store).id)
    assert (counts.files, counts.segments, counts.media_s, counts.finished) == (0, 0, 0.0, True)


def test_damaged_frames_make_a_file_partial(store: Store) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    store.segments.commit([SegmentCommit(claimed.fence, (Frame(0, 0.0, status=FrameStatus.MISSING),))])
    assert store.jobs.counts(made.id).files_partial == 1


def test_the_listing_agrees_with_the_counts_of_each_job(store: Store) -> None:
    one, other, empty = start(store, 1), start(store, 2), start(store, 3)
    admit(store, one, video("a.mp4", segments=3), video("copy.mp4", segments=3, content="a.mp4"), unreadable("c.mp4"))
    first, second, _ = store.segments.claim("w", 60, 3)
    store.segments.commit([result_of(first)])
    store.segments.fail([SegmentFailure(second.fence, BROKEN)])
    admit(store, other, video("a.mp4", segments=3), photo("b.jpg"))
    lines = store.jobs.listing()
    assert [line.job.id for line in lines] == [empty.id, other.id, one.id]
    for line in lines:
        assert line.counts == store.jobs.counts(line.job.id)
        assert -1 < line.silent_s < 60
    assert [line.job.id for line in store.jobs.listing(limit=2)] == [empty.id, other.id]


def test_a_running_segment_whose_lease_ran_out_is_at_work_no_more(store: Store) -> None:
    made = start(store)
    admit(store, made, video("a.mp4", segments=3), video("copy.mp4", segments=3, content="a.mp4"))
    store.segments.claim("w", 60, 1)
    store.segments.claim("fell silent", -1, 1)
    counts = store.jobs.counts(made.id)
    assert (counts.running, counts.stalled, counts.at_work, counts.queued, counts.left) == (2, 1, 1, 1, 3)


def test_the_listing_says_for_how_long_a_submitter_has_been_silent(store: Store) -> None:
    start(store)
    change(store, "UPDATE job SET submitter_seen_at = '2001-01-01 00:00:00.000000'")
    assert store.jobs.listing()[0].silent_s > 10**8


def test_finishing_is_noted_once_and_taken_back_by_a_retry(store: Store) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    fail_everything(store)
    store.jobs.finish(made.id)
    (first,) = rows(store, sa.select(job.c.finished_at))
    store.jobs.finish(made.id)
    assert rows(store, sa.select(job.c.finished_at)) == [first] != [(None,)]
    store.jobs.retry(made.id)
    assert rows(store, sa.select(job.c.finished_at)) == [(None,)]


def test_times_are_readable_utc_on_either_database(store: Store) -> None:
    made = start(store)
    ((created,),) = rows(store, sa.select(job.c.created_at))
    assert created.utcoffset().total_seconds() == 0
    assert made.created_at == created.strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize("backend", ["sqlite"])
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reference=st.text(max_size=40) | st.text("0123456789abcdef-%_'\"\\ \0\ud800latest", max_size=40))
def test_any_text_means_one_job_or_none(store: Store, reference: str) -> None:
    """None of these is the name of one, whatever the database takes for a pattern."""
    if not store.jobs.list():
        start(store, 1)
    (only,) = store.jobs.list()
    try:
        found = store.jobs.find(reference)
    except NotFound as error:
        assert error.hint
    else:
        wanted = reference.strip().lower()
        assert found == only
        assert wanted == "latest" or reference.strip() == only.name or only.id.endswith(wanted)
