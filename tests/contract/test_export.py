"""What exports read: the right rows, in one order, in constant memory, as the views say."""

import tracemalloc
from typing import Any

import pytest

from db import export, export_groups, export_tables
from db.describe import described
from db.errors import StoreError
from db.export import TABLES, open_export
from db.records import Face, Frame, JobRecord, SegmentCommit
from db.store import Store
from tests.support.dbmaking import (
    HAPPY,
    LANDMARKS,
    SAD,
    admit,
    photo,
    result_of,
    rows,
    run_all,
    start,
    unreadable,
    video,
)
from tests.support.tracking import assign_by_side


def read(store: Store, job_id: str, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    with open_export(store.engine, job_id, table) as found:
        return [column.name for column in found.columns], [row for batch in found for row in batch]


@pytest.fixture
def job(store: Store) -> JobRecord:
    """Files admitted in no order, one of them twice, one unreadable, and another job beside."""
    made = start(store, 1, name="pilot")
    files = (video("z.mp4", segments=2), photo("B.jpg", tags={"who": "P07"}), photo("ä.jpg"), unreadable("bad.mp4"))
    admit(store, made, *files, photo("a/b.jpg", content="B.jpg"), photo("none.jpg"))
    admit(store, start(store, 2), photo("not mine.jpg"))
    for claimed in store.segments.claim("w", 60, 99):
        store.segments.commit([result_of(claimed, faces=0 if claimed.path == "none.jpg" else 2, scores=SAD)])
    assign_by_side(store)
    return made


@pytest.mark.parametrize("table", TABLES)
def test_every_row_has_a_value_for_every_column_and_of_its_kind(store: Store, job: JobRecord, table: str) -> None:
    kinds = {"integer": int, "real": float, "text": str, "json": str}
    with open_export(store.engine, job.id, table) as found:
        given = [row for batch in found for row in batch]
        assert given
        for row in given:
            assert len(row) == len(found.columns)
            for column, value in zip(found.columns, row, strict=True):
                assert value is None or type(value) is kinds[column.kind], column


@pytest.mark.parametrize(
    ("table", "view"),
    [
        ("emotions", "job_emotions"),
        ("frames", "job_frames"),
        ("timeline", "job_timeline"),
        ("group_timeline", "group_timeline"),
        ("problems", "problems"),
    ],
)
def test_an_export_holds_the_rows_of_its_view(store: Store, job: JobRecord, table: str, view: str) -> None:
    names, given = read(store, job.id, table)
    assert names == [column.name for column in described()[view].columns]
    expected = rows(store, f"SELECT * FROM {view} WHERE job = '{job.id}'")
    assert sorted(map(repr, given)) == sorted(map(repr, expected))


def test_rows_come_by_path_then_time_then_face(store: Store, job: JobRecord) -> None:
    names, given = read(store, job.id, "emotions")
    key = [(row[names.index("path")].encode(), row[names.index("pts")], row[names.index("face")]) for row in given]
    assert key == sorted(key)
    assert [path.decode() for path in dict.fromkeys(path for path, *_ in key)] == ["B.jpg", "a/b.jpg", "z.mp4", "ä.jpg"]


def test_the_order_and_the_rows_do_not_depend_on_how_many_are_read_at_once(
    store: Store, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {table: read(store, job.id, table) for table in TABLES}
    monkeypatch.setattr(export_tables, "PAGE_FILES", 2)
    monkeypatch.setattr(export_tables, "CHUNK_ROWS", 3)
    monkeypatch.setattr(export_tables, "ALONE_ROWS", 4)
    monkeypatch.setattr(export, "BATCH_ROWS", 1)
    for name in ("CHUNK_FRAMES", "CHUNK_FILES", "MOST_LISTED"):
        monkeypatch.setattr(export_groups, name, 0)
    assert {table: read(store, job.id, table) for table in TABLES} == expected


def test_faces_add_landmarks_and_what_a_service_said(store: Store, job: JobRecord) -> None:
    names, given = read(store, job.id, "faces")
    assert names[-11:-9] == ["right_eye_x", "right_eye_y"]
    assert names[-1] == "attributes"
    assert given[0][-11:] == (*LANDMARKS, None)
    assert len(given) == len(read(store, job.id, "emotions")[1])


def test_frames_without_a_face_are_there(store: Store, job: JobRecord) -> None:
    names, given = read(store, job.id, "frames")
    assert len(given) == 20 + 4
    assert sum(row[names.index("faces")] == 0 for row in given) == 10 + 1


def test_a_summary_has_one_row_a_file_with_its_own_path_and_tags(store: Store, job: JobRecord) -> None:
    names, given = read(store, job.id, "media_summary")
    found = {row[names.index("path")]: row for row in given}
    assert list(found) == ["B.jpg", "a/b.jpg", "none.jpg", "z.mp4", "ä.jpg"]
    assert found["B.jpg"][names.index("tags")] == '{"who": "P07"}'
    assert found["a/b.jpg"][names.index("share_sadness")] == 1.0
    assert found["none.jpg"][names.index("mean_valence")] is None
    assert found["none.jpg"][names.index("share_neutral")] is None


def test_each_track_has_a_row_for_each_path_and_tags_under_which_its_recording_is_in_the_job(store: Store) -> None:
    made = start(store)
    admit(store, made, video("z.mp4", tags={"who": "P07"}), video("a.mp4", content="z.mp4"), video("b.mp4"))
    run_all(store, faces=2)
    assign_by_side(store)
    names, given = read(store, made.id, "track_summary")
    picked = [names.index(name) for name in ("path", "track", "frames", "start_s", "end_s", "dominant", "tags")]
    assert [tuple(row[at] for at in picked) for row in given] == [
        (path, track, 10, 0.0, 18.0, "happiness", tags)
        for path, tags in (("a.mp4", "{}"), ("b.mp4", "{}"), ("z.mp4", '{"who": "P07"}'))
        for track in (1, 2)
    ]
    frames = rows(store, "SELECT share, mean_valence FROM track_summary WHERE path = 'b.mp4' AND track = 1")
    assert [tuple(given[2][names.index(name)] for name in ("share", "mean_valence"))] == frames


def test_a_timeline_comes_by_path_then_second(store: Store, job: JobRecord) -> None:
    names, given = read(store, job.id, "timeline")
    seconds = [(row[names.index("path")], row[names.index("second")]) for row in given]
    of_photos = [(path, 0) for path in ("B.jpg", "a/b.jpg", "none.jpg")]
    assert seconds == [*of_photos, *(("z.mp4", second) for second in range(20)), ("ä.jpg", 0)]


def test_an_empty_job_has_columns_and_no_rows(store: Store) -> None:
    made = start(store)
    for table in TABLES:
        names, given = read(store, made.id, table)
        assert names
        assert given == []


def test_an_unknown_table_is_answered_with_the_known_ones(store: Store) -> None:
    with (
        pytest.raises(StoreError, match="'nonsense'") as caught,
        open_export(store.engine, start(store).id, "nonsense"),
    ):
        pass
    assert all(table in caught.value.hint for table in TABLES)
    assert "did you mean" not in caught.value.hint
    with pytest.raises(StoreError) as caught, open_export(store.engine, start(store, 2).id, "job_timeline"):
        pass
    assert caught.value.hint.startswith("did you mean timeline")


def test_numbers_are_read_back_exactly(store: Store) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    exact = Face(1 / 3, 1e-300, 2**53 - 1.0, 0.1 + 0.2, LANDMARKS, 0.9, HAPPY)
    store.segments.commit([SegmentCommit(claimed.fence, (Frame(2**62, 1e9 / 7, (exact,)),))])
    names, (row,) = read(store, made.id, "emotions")
    got = [row[names.index(name)] for name in ("box_x", "box_y", "box_width", "box_height", "pts", "time_s")]
    assert got == [1 / 3, 1e-300, 2**53 - 1.0, 0.1 + 0.2, 2**62, 1e9 / 7]


def test_what_is_committed_meanwhile_does_not_show(store: Store, database_url: str, backend: str) -> None:
    """An export is of one moment."""
    made = start(store)
    admit(store, made, *(photo(f"{number}.jpg") for number in range(3)))
    claimed = store.segments.claim("w", 60, 3)
    store.segments.commit([result_of(one) for one in claimed[:2]])
    with open_export(store.engine, made.id, "emotions") as found:
        batches = iter(found)
        first = next(batches)
        if backend == "postgresql":  # SQLite keeps the writer waiting until the export is done
            store.segments.commit([result_of(claimed[2])])
        assert len(first) + sum(len(batch) for batch in batches) == 2


def test_memory_does_not_grow_with_the_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five times the rows of one long video, the same memory."""
    monkeypatch.setattr(export, "BATCH_ROWS", 500)
    made = start(store)
    admit(store, made, video("a.mp4", segments=1))
    faces = (Face(1.0, 2.0, 3.0, 4.0, LANDMARKS, 0.9, HAPPY),)
    (claimed,) = store.segments.claim("w", 60, 1)
    store.segments.commit([SegmentCommit(claimed.fence, tuple(Frame(at, at / 25, faces) for at in range(15_000)))])
    peaks = []
    for limit in (3_000, 15_000):
        tracemalloc.start()
        with open_export(store.engine, made.id, "emotions") as found:
            seen = 0
            for batch in found:
                seen += len(batch)
                if seen >= limit:
                    break
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_an_export_that_is_broken_off_leaves_nothing_open(store: Store, job: JobRecord) -> None:
    with open_export(store.engine, job.id, "emotions") as found:
        next(iter(found))
    run_all(store)
    assert store.jobs.retry(job.id) == 1  # the unreadable file: a writer is not kept out
