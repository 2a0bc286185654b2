"""The views that people query: right numbers, and plans that do not read everything for a part."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa

from db.engine import reading
from db.records import Face, Frame, Problem, SegmentCommit, SegmentFailure
from db.states import FrameStatus
from db.store import Store
from tests.support.dbmaking import (
    BROKEN,
    HAPPY,
    LANDMARKS,
    PHOTO,
    SAD,
    admit,
    analysis,
    photo,
    result_of,
    rows,
    run_all,
    start,
    unreadable,
    video,
)

QUESTION = "SELECT dominant, count(*) FROM emotions GROUP BY 1 ORDER BY 1"


def commit(store: Store, scores: dict[str, tuple[float, ...] | None]) -> None:
    """Analyse everything; the scores of a file by its path."""
    while claimed := store.segments.claim("w", 60, 10):
        store.segments.commit([result_of(one, scores=scores.get(one.path, HAPPY)) for one in claimed])


def test_the_first_question_has_the_same_answer_after_a_second_submission(store: Store) -> None:
    files = (photo("a.jpg"), photo("b.jpg"), video("c.mp4", segments=2))
    admit(store, start(store, 1), *files)
    commit(store, {"b.jpg": SAD})
    expected = [("happiness", 11), ("sadness", 1)]
    assert rows(store, QUESTION) == expected
    admit(store, start(store, 2), *files)
    commit(store, {})
    assert rows(store, QUESTION) == expected


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_first_question_works_in_plain_sqlite(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    commit(store, {})
    with closing(sqlite3.connect(store.file or "")) as plain:
        assert plain.execute(QUESTION).fetchall() == [("happiness", 1)]


def test_a_recording_analysed_in_two_ways_has_rows_for_each(store: Store) -> None:
    admit(store, start(store, 1), photo("a.jpg"))
    admit(store, start(store, 2, photo_analysis=analysis("photo", "strict")), photo("a.jpg"))
    run_all(store)
    assert rows(store, "SELECT count(*) FROM emotions GROUP BY analysis") == [(1,), (1,)]
    assert rows(store, "SELECT job_name, count(*) FROM job_emotions GROUP BY job_name ORDER BY 1") == [
        ("job 1", 1),
        ("job 2", 1),
    ]


def test_emotions_carry_where_when_and_what(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=2))
    commit(store, {"a.mp4": SAD})
    found = rows(store, "SELECT path, time_s, face, dominant, sadness, valence, track FROM emotions ORDER BY time_s")
    assert found[-1] == ("a.mp4", 18.0, 0, "sadness", 0.5, pytest.approx(-0.4), None)
    assert [row[1] for row in found] == [float(second) for second in range(0, 20, 2)]


def test_a_face_has_the_time_of_its_frame(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=3), photo("b.jpg"))
    run_all(store)
    joined = "SELECT count(*), sum(f.time_s - fr.time_s) FROM face f JOIN frame fr USING (media_analysis_id, pts)"
    assert rows(store, joined) == [(16, 0.0)]


def test_frames_show_those_without_a_face(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=1))
    run_all(store)
    assert rows(store, "SELECT faces, count(*) FROM frames GROUP BY faces ORDER BY faces") == [(0, 5), (1, 5)]
    assert rows(store, "SELECT count(*) FROM job_frames") == [(10,)]


def test_a_summary_says_how_much_was_seen_and_what(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=1))
    (claimed,) = store.segments.claim("w", 60, 1)
    happy, sad, unscored = (Face(1.0, 2.0, 3.0, 4.0, LANDMARKS, 0.9, scores) for scores in (HAPPY, SAD, None))
    frames = (
        Frame(0, 0.0, (happy, happy)),
        Frame(1, 1.0, (sad, happy, unscored), faces_dropped=2),
        Frame(2, 2.0, (), 0, FrameStatus.MISSING),
    )
    store.segments.commit([SegmentCommit(claimed.fence, frames)])
    select = (
        "SELECT path, kind, state, frames, frames_with_face, faces, faces_dropped, frames_missing, "
        "share_happiness, share_sadness, share_fear, mean_happiness, mean_valence FROM media_summary"
    )
    assert rows(store, select) == [
        ("a.mp4", "video", "complete", 3, 2, 5, 2, 1, 0.75, 0.25, 0.0, pytest.approx(0.4), pytest.approx(0.2))
    ]


def test_a_summary_of_a_recording_without_faces_has_no_means(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    for claimed in store.segments.claim("w", 60, 9):
        store.segments.commit([result_of(claimed, faces=int(claimed.path == "b.jpg"), scores=None)])
    select = "SELECT path, faces, share_neutral, mean_neutral, mean_valence FROM media_summary ORDER BY path"
    assert rows(store, select) == [("a.jpg", 0, None, None, None), ("b.jpg", 1, None, None, None)]


def test_shares_sum_to_one(store: Store) -> None:
    admit(store, start(store), *(video(f"{number}.mp4", segments=2) for number in range(3)))
    commit(store, {"1.mp4": SAD})
    names = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
    for kind in ("share", "mean"):
        total = " + ".join(f"{kind}_{name}" for name in names)
        assert [row[0] for row in rows(store, f"SELECT {total} FROM media_summary")] == [pytest.approx(1.0)] * 3


def test_problems_tell_of_files_segments_partial_files_and_frames(store: Store) -> None:
    one, other = start(store, 1), start(store, 2)
    partial = photo("partial.jpg", facts=replace(PHOTO, partial=Problem("media.cut", "it ends early", "copy it")))
    admit(store, one, unreadable("bad.mp4"), video("seg.mp4", segments=2), partial, photo("frames.jpg"))
    admit(store, other, video("seg.mp4", segments=2))
    for claimed in store.segments.claim("w", 60, 9):
        if claimed.path == "seg.mp4" and claimed.spec.ordinal == 1:
            store.segments.fail([SegmentFailure(claimed.fence, BROKEN)])
        elif claimed.path == "frames.jpg":
            store.segments.commit([SegmentCommit(claimed.fence, (Frame(0, 0.0, status=FrameStatus.DAMAGED),))])
        else:
            store.segments.commit([result_of(claimed)])
    select = "SELECT path, code, scope, start_s, end_s FROM problems WHERE job = '{}' ORDER BY path"
    assert rows(store, select.format(one.id)) == [
        ("bad.mp4", "media.truncated", "file", None, None),
        ("frames.jpg", "media.damaged_frames", "frames", 0.0, 0.0),
        ("partial.jpg", "media.cut", "partial", 0.0, 0.0),
        ("seg.mp4", "media.truncated", "segment", 10.0, 20.0),
    ]
    assert rows(store, select.format(other.id)) == [("seg.mp4", "media.truncated", "segment", 10.0, 20.0)]
    assert rows(store, "SELECT count(*) FROM problems WHERE reason IS NULL OR hint IS NULL") == [(0,)]


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM emotions WHERE media = 5",
        "SELECT * FROM emotions WHERE path = 'a.mp4'",
        "SELECT * FROM media_summary WHERE media = 5",
        "SELECT * FROM media_summary WHERE path = 'a.mp4'",
        "SELECT * FROM media_summary WHERE media IN (5, 6, 7)",
        "SELECT dominant, count(*) FROM job_emotions WHERE job = 'x' GROUP BY 1",
        "SELECT * FROM job_emotions WHERE job_file = 5",
        "SELECT * FROM track_summary WHERE media = 5",
        "SELECT * FROM track_summary WHERE path = 'a.mp4'",
        "SELECT * FROM frames WHERE media = 5",
        "SELECT * FROM job_frames WHERE job = 'x'",
        "SELECT * FROM problems WHERE job = 'x'",
    ],
)
def test_a_question_about_a_part_reads_that_part(store: Store, question: str) -> None:
    """No table is scanned: neither all faces, nor all frames, nor all segments."""
    with reading(store.engine) as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}")]
    assert [
        step for step in plan if step.startswith("SCAN") and step.split()[1] in {"f", "fr", "s", "ma", "m", "jf"}
    ] == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_counting_all_emotions_reads_no_frames(store: Store) -> None:
    with reading(store.engine) as connection:
        plan = " ".join(row[3] for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {QUESTION}")))
    assert "fr " not in plan


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_summary_of_one_recording_reads_its_faces_only(store: Store) -> None:
    admit(store, start(store), *(video(f"{number}.mp4", segments=2) for number in range(30)))
    run_all(store)

    def plan(connection: sa.Connection) -> str:
        connection.exec_driver_sql("ANALYZE")
        explained = connection.exec_driver_sql(
            "EXPLAIN (ANALYZE, COSTS off) SELECT * FROM media_summary WHERE media = 5"
        )
        return "\n".join(row[0] for row in explained)

    from db.engine import writing

    assert "rows=10." in writing(store.engine, plan)
