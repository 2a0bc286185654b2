"""What a report reads, on both databases: added up as a person would by hand."""

from pathlib import Path

import numpy as np
import pytest

from db.engine import reading
from db.records import Face, Frame, JobRecord, SegmentCommit
from db.report import ReportReader, together
from db.report_faces import facts_of, frame_places
from db.schema import face
from db.store import Store
from jobs.report.gather import gather
from jobs.report.links import LocalLinks
from tests.support.dbmaking import HAPPY, LANDMARKS, SAD, admit, change, photo, rows, start, unreadable, video


def a_face(x: float, scores: tuple[float, ...] | None) -> Face:
    return Face(x, 48.0, 64.0, 96.0, LANDMARKS, 0.9, scores)


FRAMES = (
    Frame(0, 0.0, (a_face(32.0, HAPPY), a_face(320.0, SAD))),
    Frame(967, 0.967, (a_face(64.0, HAPPY),)),  # on screen at 1 s
    Frame(2000, 2.0),
    Frame(3400, 3.4, (a_face(96.0, None),)),  # not scored
)


@pytest.fixture
def job(store: Store) -> JobRecord:
    """A video of 10 s and a photo, tagged, and a file that could not be read."""
    made = start(store, 1, name="pilot")
    change(store, 'UPDATE analysis SET spec_json = \'{"sampling": {"mode": "interval", "interval_s": "1"}}\'')
    clip = video("clip.mp4", segments=1, tags={"participant": "P1", "condition": "warm"})
    admit(store, made, clip, photo("b.jpg", tags={"participant": "P2", "condition": "cold"}), unreadable("bad.mp4"))
    for claimed in store.segments.claim("w", 60, 99):
        is_clip = claimed.path == "clip.mp4"
        frames = FRAMES if is_clip else (Frame(0, 0.0, (a_face(10.0, SAD),)),)
        store.segments.commit([SegmentCommit(claimed.fence, frames)])
    return made


def number_of(store: Store, path: str) -> int:
    return int(rows(store, f"SELECT media_analysis_id FROM job_file WHERE path = '{path}'")[0][0])


def test_frames_fall_into_the_second_for_which_they_were_chosen(store: Store, job: JobRecord) -> None:
    number = number_of(store, "clip.mp4")
    with reading(store.engine) as connection:
        seen = list(ReportReader(connection).seen([number], 1.0))
    assert seen == [(number, 0, 1, 1), (number, 1, 1, 1), (number, 2, 1, 0), (number, 3, 1, 1)]


def test_steps_are_counted_from_the_first_frame(store: Store, job: JobRecord) -> None:
    change(store, "UPDATE media SET first_pts = 400 WHERE path = 'clip.mp4'")
    number = number_of(store, "clip.mp4")
    with reading(store.engine) as connection:
        reader = ReportReader(connection)
        seen = [step for _, step, _, _ in reader.seen([number], 1.0)]
        first_s = [one.media.first_s for one in reader.files(job.id, 9) if one.media is not None]
    assert seen == [0, 1, 2, 3]  # 0.967 is 0.567 s after the first, 3.4 is 3.0 s after
    assert sorted(first_s) == [0.0, 0.4]


def test_means_are_by_step_and_track_and_leave_out_what_was_not_scored(store: Store, job: JobRecord) -> None:
    number = number_of(store, "clip.mp4")
    change(store, f"UPDATE face SET track = 7 WHERE media_analysis_id = {number} AND box_x < 100 AND time_s < 3")
    with reading(store.engine) as connection:
        found = list(ReportReader(connection).means([number], 1.0))
    by_key = {row[1:3]: row[3:] for row in found}
    assert set(by_key) == {(0, None), (0, 7), (1, 7), (3, None)}
    assert by_key[0, 7][:3] == (1, pytest.approx(0.1), pytest.approx(0.5))
    assert by_key[0, None][4] == pytest.approx(0.5)  # sadness
    assert by_key[3, None] == (1, *[None] * 9)


def test_boxes_are_of_the_first_frame_with_a_face_in_each_step(store: Store, job: JobRecord) -> None:
    number = number_of(store, "clip.mp4")
    with reading(store.engine) as connection:
        found = list(ReportReader(connection).boxes([number], 2.0))
    assert [(row[1], row[2], row[3], row[7]) for row in found] == [
        (0, 0, 0, "happiness"),
        (0, 0, 1, "sadness"),
        (2, 3400, 0, None),  # 0.967 lies before 1 s, where the second step of 2 s begins
    ]
    assert found[0][8] == pytest.approx(0.5)


def test_what_is_far_apart_is_added_up_in_turns() -> None:
    groups = list(together([(1, 60_000), (2, 50_000), (3, 10), (4, 500_000), (5, 1)]))
    assert groups == [[1], [2, 3], [4], [5]]


def test_a_report_holds_what_every_file_shows(store: Store, job: JobRecord, tmp_path: Path) -> None:
    report = gather(store, job, LocalLinks(tmp_path))
    by_path = {one.file.path: one for one in report.files}
    assert [by_path[name].state for name in ("clip.mp4", "b.jpg", "bad.mp4")] == ["ok", "ok", "failed"]
    clip = by_path["clip.mp4"]
    assert clip.shares is not None
    assert clip.shares[1] == pytest.approx(2 / 3)
    assert clip.curve is not None
    assert clip.curve.frames.tolist()[:5] == [1, 1, 1, 1, 0]
    assert report.dominants == {"happiness": 2, "sadness": 2}
    assert [problem.path for problem in report.problems] == ["bad.mp4"]
    assert [(group.value, group.participants) for group in report.groups["condition"]] == [("cold", 1), ("warm", 1)]
    assert clip.link.missing


def test_a_frame_counts_for_as_long_as_it_was_on_screen_but_not_beyond_what_was_looked_through(
    store: Store, job: JobRecord, tmp_path: Path
) -> None:
    report = gather(store, job, LocalLinks(tmp_path))
    curve = next(one.curve for one in report.files if one.file.path == "clip.mp4")
    assert curve is not None
    assert curve.shown.tolist()[:12] == [0, 1, 2, 3, 3, 3, 3, 3, 3, 3, -1, -1]
    assert np.isnan(curve.together()[2]).all()


def test_a_file_without_faces_or_frames_is_told_as_such(store: Store, tmp_path: Path) -> None:
    made = start(store, 2)
    admit(store, made, photo("empty.jpg"), video("waiting.mp4", segments=1))
    for claimed in store.segments.claim("w", 60, 99, kind="photo"):
        store.segments.commit([SegmentCommit(claimed.fence, (Frame(0, 0.0),))])
    empty, waiting = sorted(gather(store, made, LocalLinks(tmp_path)).files, key=lambda one: one.file.path)
    assert (empty.state, empty.shares, empty.valence, empty.strip) == ("ok", None, None, ".")
    assert (waiting.state, waiting.curve) == ("open", None)


def test_a_frame_is_found_again_as_a_segment_that_holds_nothing_else(store: Store, job: JobRecord) -> None:
    clip, still = number_of(store, "clip.mp4"), number_of(store, "b.jpg")
    with reading(store.engine) as connection:
        (place,) = frame_places(connection, clip, [967])
        assert (place.pts, place.segment.start_pts, place.segment.end_pts) == (967, 967, 968)
        assert (place.segment.entry_pts, place.segment.targets) == (0, 1)
        assert facts_of(connection, clip).duration_s == 60.0
        (of_photo,) = frame_places(connection, still, [0])
        assert of_photo.segment.start_pts is None


def test_tracks_become_appearances(store: Store, job: JobRecord, tmp_path: Path) -> None:
    number = number_of(store, "clip.mp4")
    change(store, f"UPDATE face SET track = 3 WHERE media_analysis_id = {number} AND box_x < 100")
    report = gather(store, job, LocalLinks(tmp_path))
    (one,) = next(facts.appearances for facts in report.files if facts.file.path == "clip.mp4")
    assert (one.track, one.faces, one.start_s, one.end_s, one.emotion) == (3, 3, 0.0, 3.0, 1)
    assert rows(store, f"SELECT count(*) FROM {face.name} WHERE track = 3") == [(3,)]
