"""The state machine of a segment, step by step, on both databases."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from db.records import Face, Fence, Frame, Problem, SegmentCommit, SegmentFailure
from db.results import COPY_ROWS
from db.schema import segment
from db.states import FrameStatus, SegmentState
from db.store import Store
from tests.support.dbmaking import (
    LANDMARKS,
    admit,
    change,
    counted_truth,
    counters,
    photo,
    result_of,
    rows,
    run_all,
    start,
    video,
)

CRASH = Problem("child.crashed", "its process ended by signal 11", "`moodreel retry` tries again", permanent=False)
HOPELESS = Problem("media.vanished", "the file is gone", "put it back")


def states(store: Store) -> list[str]:
    return [state for (state,) in rows(store, sa.select(segment.c.state).order_by(segment.c.id))]


def test_a_claim_hands_out_all_that_is_needed_to_work(store: Store) -> None:
    job = start(store)
    admit(store, job, video("a.mp4", segments=2))
    first, second = store.segments.claim("host:1", 60, 5)
    assert (first.fence.attempt, first.failures, first.path, first.root, first.relative) == (
        1, 0, "a.mp4", b"/data", b"a.mp4",
    )  # fmt: skip
    assert (first.spec.ordinal, first.spec.start_pts, first.spec.end_pts) == (0, 0, 10_000)
    assert (second.spec.ordinal, second.spec.entry_pts, second.spec.targets) == (1, 10_000, 10)
    assert (first.facts.codec, first.facts.time_base_den, first.size_bytes) == ("h264", 1000, 1000)
    assert states(store) == ["running", "running"]


def test_what_is_claimed_is_not_handed_out_again(store: Store) -> None:
    job = start(store)
    admit(store, job, *(photo(f"{number}.jpg") for number in range(5)))
    first = store.segments.claim("a", 60, 3)
    second = store.segments.claim("b", 60, 3)
    assert [len(first), len(second), len(store.segments.claim("c", 60, 3))] == [3, 2, 0]
    assert not {one.fence for one in first} & {one.fence for one in second}


def test_claims_narrow_to_a_job_to_ids_and_to_a_kind(store: Store) -> None:
    one, other = start(store, 1), start(store, 2)
    admit(store, one, photo("a.jpg"), video("a.mp4", segments=1))
    admit(store, other, photo("b.jpg"))
    assert [c.path for c in store.segments.claim("w", 60, 9, job_id=other.id)] == ["b.jpg"]
    assert [c.path for c in store.segments.claim("w", 60, 9, kind="video")] == ["a.mp4"]
    ids = [number for (number,) in rows(store, sa.select(segment.c.id))]
    assert [c.path for c in store.segments.claim("w", 60, 9, ids=ids)] == ["a.jpg"]
    assert store.segments.claim("w", 60, 9, ids=[]) == []


def test_the_most_urgent_segments_run_first(store: Store) -> None:
    admit(store, start(store, 1), photo("late.jpg"))
    admit(store, start(store, 2, priority=5), photo("soon.jpg"))
    assert [claimed.path for claimed in store.segments.claim("w", 60, 2)] == ["soon.jpg", "late.jpg"]


def test_a_commit_stores_frames_and_faces_with_what_follows_from_the_scores(store: Store) -> None:
    job = start(store)
    admit(store, job, photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    seen = Face(1.25, 2.5, 30.0, 40.0, LANDMARKS, 0.875, (0.1, 0.5, 0.1, 0.05, 0.05, 0.1, 0.05, 0.05), '{"age": 30}')
    unscored = Face(100.0, 2.5, 30.0, 40.0, LANDMARKS, 0.75)
    frame = Frame(0, 0.0, (seen, unscored), 2, FrameStatus.DAMAGED)
    (outcome,) = store.segments.commit([SegmentCommit(claimed.fence, (frame,))])
    assert (outcome.accepted, outcome.state) == (True, SegmentState.DONE)
    assert rows(store, "SELECT face, box_x, confidence, dominant, happiness, valence, left_mouth_y FROM face") == [
        (0, 1.25, 0.875, "happiness", 0.5, 0.4, 51.0),
        (1, 100.0, 0.75, None, None, None, 51.0),
    ]
    assert rows(store, "SELECT faces, faces_dropped, status FROM frame") == [(2, 2, "damaged")]
    assert counters(store) == counted_truth(store)


def test_a_frame_without_a_face_is_a_row_too(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=1))
    (claimed,) = store.segments.claim("w", 60, 1)
    store.segments.commit([result_of(claimed, faces=0)])
    assert rows(store, "SELECT count(*), sum(faces) FROM frame") == [(10, 0)]


def test_the_same_commit_twice_is_refused_and_changes_nothing(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    store.segments.commit([result_of(claimed)])
    before = counters(store)
    (again,) = store.segments.commit([result_of(claimed, faces=3)])
    assert (again.accepted, again.state) == (False, None)
    assert counters(store) == before == counted_truth(store)


def test_one_fence_twice_in_a_batch_is_written_once(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    outcomes = store.segments.commit([result_of(claimed), result_of(claimed)])
    assert len(outcomes) == 2
    assert outcomes[0].accepted
    assert rows(store, "SELECT count(*) FROM face") == [(1,)]
    assert counters(store) == counted_truth(store)


def test_a_refused_row_does_not_sink_its_batch(store: Store) -> None:
    admit(store, start(store), *(photo(f"{number}.jpg") for number in range(3)))
    claimed = store.segments.claim("w", 60, 3)
    stale = replace(result_of(claimed[1]), fence=Fence(claimed[1].fence.segment_id, 0))
    unknown = replace(result_of(claimed[1]), fence=Fence(999, 1))
    outcomes = store.segments.commit([result_of(claimed[0]), stale, unknown, result_of(claimed[2])])
    assert [outcome.accepted for outcome in outcomes] == [True, False, False, True]
    assert states(store) == ["done", "running", "done"]


def test_a_score_that_is_no_number_fails_its_segment_for_good_and_only_it(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    good, bad = store.segments.claim("w", 60, 2)
    outcomes = store.segments.commit([result_of(bad, scores=(float("nan"),) * 8), result_of(good)])
    assert [outcome.state for outcome in outcomes] == [SegmentState.FAILED, SegmentState.DONE]
    assert rows(store, "SELECT error_code FROM segment WHERE state = 'failed'") == [("segment.unsound",)]
    assert counters(store) == counted_truth(store)


def test_a_timestamp_that_no_database_holds_fails_its_segment_for_good(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    commit = SegmentCommit(claimed.fence, (Frame(2**63, 0.0),))
    assert [outcome.state for outcome in store.segments.commit([commit])] == [SegmentState.FAILED]


def test_a_late_commit_meets_a_fence_after_its_lease_ran_out(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    (late,) = store.segments.claim("slow", 60, 1)
    change(store, "UPDATE segment SET lease_until = created FROM (SELECT created_at AS created FROM media) AS m")
    assert store.segments.expire() == 1
    (fresh,) = store.segments.claim("quick", 60, 1)
    assert fresh.fence.attempt == late.fence.attempt + 1
    assert not store.segments.commit([result_of(late)])[0].accepted
    assert not store.segments.fail([SegmentFailure(late.fence, CRASH)])[0].accepted
    assert store.segments.give_back([late.fence]) == 0
    assert store.segments.extend([late.fence, fresh.fence], 60) == [late.fence]
    assert store.segments.commit([result_of(fresh)])[0].accepted


def test_three_failures_are_the_end_and_carry_their_reason(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    seen = []
    for _ in range(3):
        (claimed,) = store.segments.claim("w", 60, 1)
        seen.append((claimed.failures, store.segments.fail([SegmentFailure(claimed.fence, CRASH)])[0].state))
    assert seen == [(0, SegmentState.QUEUED), (1, SegmentState.QUEUED), (2, SegmentState.FAILED)]
    assert store.segments.claim("w", 60, 1) == []
    assert rows(store, "SELECT error_code, error_reason, error_hint, attempt FROM segment") == [
        (CRASH.code, CRASH.reason, CRASH.hint, 3)
    ]
    assert counters(store) == counted_truth(store)


def test_a_permanent_reason_fails_at_once(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    assert store.segments.fail([SegmentFailure(claimed.fence, HOPELESS)])[0].state == SegmentState.FAILED


def test_a_failure_that_may_pass_is_not_tried_again_at_once(store: Store) -> None:
    admit(store, start(store), video("a.mp4", 1))
    (claimed,) = store.segments.claim("w", 60.0, 1)
    assert store.segments.fail([SegmentFailure(claimed.fence, CRASH, 60.0)])[0].state == SegmentState.QUEUED
    assert store.segments.claim("w", 60.0, 1) == []
    change(store, "UPDATE segment SET not_before = NULL")
    (claimed,) = store.segments.claim("w", 60.0, 1)
    assert claimed.failures == 1


def test_a_success_clears_the_reason_of_an_earlier_failure(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    store.segments.fail([SegmentFailure(claimed.fence, CRASH)])
    run_all(store)
    assert rows(store, "SELECT state, error_code, failures FROM segment") == [("done", None, 1)]


def test_giving_back_counts_nothing_and_may_ask_for_a_pause(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    first, second = store.segments.claim("w", 60, 2)
    assert store.segments.give_back([first.fence]) == 1
    assert store.segments.give_back([second.fence], delay_s=3600) == 1
    (again,) = store.segments.claim("w", 60, 2)
    assert (again.path, again.failures, again.fence.attempt) == ("a.jpg", 0, 2)
    assert rows(store, "SELECT failures, expiries FROM segment ORDER BY id") == [(0, 0), (0, 0)]


def test_a_lease_that_runs_is_left_alone_and_one_that_ran_out_is_not(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    store.segments.claim("w", 60, 1)
    store.segments.claim("w", -1, 1)
    assert store.segments.expire() == 1
    assert states(store) == ["running", "queued"]


def test_a_segment_whose_holders_fall_silent_ten_times_fails(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    for _ in range(10):
        assert len(store.segments.claim("w", -1, 1)) == 1
        assert store.segments.expire() == 1
    assert states(store) == ["failed"]
    assert rows(store, "SELECT error_code, expiries, failures FROM segment") == [("segment.expired", 10, 0)]
    assert counters(store) == counted_truth(store)


def test_a_process_that_is_alone_takes_everything_up_again(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    store.segments.claim("dead", 3600, 2)
    assert store.segments.release_all() == 2
    assert states(store) == ["queued", "queued"]


def test_what_was_queued_again_comes_before_what_was_never_tried(store: Store) -> None:
    job = start(store)
    admit(store, job, *(photo(f"{number}.jpg") for number in range(4)))
    first, _ = store.segments.claim("w", 60, 2, job_id=job.id)
    store.segments.fail([SegmentFailure(first.fence, CRASH)])
    assert [claimed.path for claimed in store.segments.claim("w", 60, 2, job_id=job.id)] == ["0.jpg", "2.jpg"]


def test_another_process_gives_back_and_it_is_found_at_the_end(store: Store, database_url: str) -> None:
    job = start(store)
    admit(store, job, *(photo(f"{number}.jpg") for number in range(3)))
    (first,) = store.segments.claim("w", 60, 1, job_id=job.id)
    with Store.open(database_url) as other:
        other.segments.give_back([first.fence])
    paths = [store.segments.claim("w", 60, 1, job_id=job.id) for _ in range(4)]
    assert [[one.path for one in claimed] for claimed in paths] == [["1.jpg"], ["2.jpg"], ["0.jpg"], []]


def test_two_segments_that_sampled_the_same_frame_count_it_once(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=2))
    first, second = store.segments.claim("w", 60, 2)
    overlap = replace(result_of(first), fence=second.fence)
    store.segments.commit([result_of(first)])
    store.segments.commit([overlap])
    assert counters(store) == counted_truth(store)


def test_a_media_analysis_is_complete_with_its_last_segment(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=2))
    first, second = store.segments.claim("w", 60, 2)
    store.segments.commit([result_of(first)])
    assert rows(store, "SELECT state, completed_at IS NULL FROM media_analysis") == [("open", True)]
    store.segments.fail([SegmentFailure(second.fence, HOPELESS)])
    assert rows(store, "SELECT state, completed_at IS NULL FROM media_analysis") == [("complete", False)]


def test_a_large_commit_is_the_same_rows_as_small_ones(store: Store) -> None:
    """On PostgreSQL thousands of rows go by COPY."""
    admit(store, start(store), video("a.mp4", segments=1))
    (claimed,) = store.segments.claim("w", 60, 1)
    face = Face(
        1.5, 2.5, 30.0, 40.0, LANDMARKS, 0.9, (0.125,) * 8, '{"say": "tab\\t, quote \\" and \\\\"}', b"\x00\xff"
    )
    frames = tuple(Frame(pts, pts / 1000, (face,)) for pts in range(4000))
    store.segments.commit([SegmentCommit(claimed.fence, frames)])
    assert rows(store, "SELECT count(*), sum(faces) FROM frame") == [(4000, 4000)]
    stored = "SELECT time_s, neutral, valence, attributes, appearance FROM face WHERE pts = 3999"
    assert rows(store, stored) == [(3.999, 0.125, 0.0, face.attributes, b"\x00\xff")]
    assert counters(store) == counted_truth(store)


@pytest.mark.parametrize("text", ["nul \0 inside", "not UTF-8: \udcff", "emoji \U0001f600 and ümlaut"])
def test_any_text_of_a_failure_can_be_stored(store: Store, text: str) -> None:
    admit(store, start(store), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    store.segments.fail([SegmentFailure(claimed.fence, Problem("x", text, text))])
    ((reason,),) = rows(store, "SELECT error_reason FROM segment")
    assert reason.startswith(text[:3])


def test_a_large_commit_leaves_alone_what_is_there_already(store: Store) -> None:
    """Two segments that sampled one frame: COPY alone would refuse all of them."""
    admit(store, start(store), video("a.mp4", segments=2))
    first, second = store.segments.claim("w", 60, 2)
    rows_each = COPY_ROWS + 10
    for claimed, begin in ((first, 0), (second, rows_each - 1)):
        frames = tuple(Frame(pts, pts / 1000, ()) for pts in range(begin, begin + rows_each))
        (outcome,) = store.segments.commit([SegmentCommit(claimed.fence, frames)])
        assert outcome.accepted
    assert rows(store, "SELECT count(*), count(DISTINCT pts) FROM frame") == [(2 * rows_each - 1,) * 2]
    assert counters(store) == counted_truth(store)


def test_a_claim_of_a_photo_takes_photos_along_and_no_video(store: Store) -> None:
    job = start(store)
    for file in (photo("a.jpg"), video("b.mp4", segments=1), *map(photo, ("c.jpg", "d.jpg", "e.jpg"))):
        admit(store, job, file)
    told = []
    while claims := store.segments.claim("w", 60, 1, job_id=job.id, photos=2):
        told.append([claim.path for claim in claims])
    assert told == [["a.jpg", "c.jpg", "d.jpg"], ["b.mp4"], ["e.jpg"]]


def test_a_photo_that_failed_before_takes_none_along(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    (first,) = store.segments.claim("w", 60, 1)
    store.segments.fail([SegmentFailure(first.fence, CRASH)])
    assert [claim.path for claim in store.segments.claim("w", 60, 1, photos=9)] == ["a.jpg"]
