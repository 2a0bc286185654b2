"""Consent withdrawn: a recording and everything derived from it goes, for every job, and nothing else does."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from db.engine import writing
from db.records import Face, FileIdentity, Frame, SegmentCommit
from db.schema import api_call, metadata, paid_score
from db.store import Store
from tests.support.dbmaking import (
    BROKEN,
    HAPPY,
    LANDMARKS,
    admit,
    counted_truth,
    counters,
    photo,
    rows,
    run_all,
    sha256,
    start,
    unreadable,
    video,
)

WHO = "Ada-Lovelace-P07"


def forget(store: Store, reference: str):  # type: ignore[no-untyped-def]
    selection = store.forgetting.find(reference)
    expected = store.forgetting.preview(selection)
    assert store.forgetting.forget(selection) == expected
    return expected


def sizes(store: Store) -> dict[str, int]:
    counts = {
        name: rows(store, sa.select(sa.func.count()).select_from(table)) for name, table in metadata.tables.items()
    }
    return {name: number for name, ((number,),) in counts.items()}


def two_jobs(store: Store) -> tuple[str, str]:
    """Two jobs that share one recording; each has one of its own; all is analysed."""
    one = start(store, 1, request_json=json.dumps({"paths": ["/data/p/shared.mp4", "/data"], "tags": {}}))
    other = start(store, 2)
    admit(store, one, video("p/shared.mp4", tags={"who": WHO}), photo("p/mine.jpg"), unreadable("p/broken.mp4"))
    admit(store, other, video("renamed.mp4", content="p/shared.mp4"), photo("other.jpg"))
    run_all(store)
    return one.id, other.id


def test_a_path_takes_its_recording_from_every_job_that_holds_it(store: Store) -> None:
    two_jobs(store)
    gone = forget(store, "p/shared.mp4")
    assert (gone.media, gone.files, gone.jobs) == (1, 2, 2)
    assert (gone.segments, gone.frames, gone.faces, gone.running) == (2, 20, 10, 0)
    assert rows(store, "SELECT path FROM media ORDER BY path") == [("other.jpg",), ("p/mine.jpg",)]
    left = sizes(store)
    assert (left["job"], left["job_file"], left["tag"], left["face"], left["frame"]) == (2, 3, 0, 2, 2)
    assert left["analysis"] == 2
    assert counters(store) == counted_truth(store)


@pytest.mark.parametrize("reference", ["/data/p/shared.mp4", "renamed.mp4", sha256("p/shared.mp4")[:12], "1"])
def test_a_recording_has_many_names(store: Store, reference: str) -> None:
    two_jobs(store)
    if reference == "1":
        ((number,),) = rows(store, sa.text("SELECT id FROM media WHERE kind = 'video'"))  # type: ignore[arg-type]
        reference = str(number)
    assert forget(store, reference).media == 1
    assert rows(store, "SELECT count(*) FROM media WHERE kind = 'video'") == [(0,)]


@pytest.mark.parametrize("reference", ["p", "p/", "/data/p", "/data/p/"])
def test_a_folder_means_all_below_it(store: Store, reference: str) -> None:
    two_jobs(store)
    gone = forget(store, reference)
    assert (gone.media, gone.files) == (2, 4)
    assert rows(store, "SELECT path FROM job_file") == [("other.jpg",)]


@pytest.mark.parametrize("reference", ["/data", "/"])
def test_a_folder_above_the_root_means_all_in_it(store: Store, reference: str) -> None:
    two_jobs(store)
    assert forget(store, reference).files == 5


def test_a_job_takes_its_recordings_and_its_request(store: Store) -> None:
    one, other = two_jobs(store)
    gone = forget(store, one)
    assert (gone.media, gone.files, gone.jobs) == (2, 4, 2)
    assert [job.id for job in store.jobs.list()] == [other]
    assert rows(store, "SELECT path FROM job_file") == [("other.jpg",)]
    assert store.jobs.is_cancelled(one)


def test_an_unreadable_file_can_be_forgotten_too(store: Store) -> None:
    two_jobs(store)
    gone = forget(store, "p/broken.mp4")
    assert (gone.media, gone.files) == (0, 1)
    assert rows(store, "SELECT count(*) FROM problems") == [(0,)]


def test_a_request_no_longer_names_what_was_forgotten(store: Store) -> None:
    """Else `resume` would look for the file, and its name may tell who was in it. Folders stay named."""
    tags = {"/data/p/shared.mp4": {"who": WHO}, "/data/other.jpg": {"who": "P08"}}
    request = {"paths": ["/data/p/shared.mp4", "/data"], "file_tags": tags, "exclude": []}
    one = start(store, 1, request_json=json.dumps(request))
    admit(store, one, video("p/shared.mp4"))
    assert forget(store, "p/shared.mp4").requests == 1
    assert json.loads(store.jobs.get(one.id).request_json) == {
        "paths": ["/data"],
        "file_tags": {"/data/other.jpg": {"who": "P08"}},
        "exclude": [],
    }


def test_names_that_are_no_text_can_be_forgotten(store: Store) -> None:
    name = b"p/\xff.jpg"
    request = {"paths": [(b"/data/" + name).decode("utf-8", "surrogateescape")]}
    one = start(store, 1, request_json=json.dumps(request))
    admit(store, one, photo("x", relative=name, path="p/\\xff.jpg"))
    gone = forget(store, (b"/data/" + name).decode("utf-8", "surrogateescape"))
    assert (gone.media, gone.requests) == (1, 1)


def test_whoever_is_working_on_it_is_fenced_out(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    claimed = store.segments.claim("w", 60, 2)
    gone = forget(store, "b.jpg")
    assert gone.running == 1
    frames = (Frame(0, 0.0, (Face(1.0, 2.0, 3.0, 4.0, LANDMARKS, 0.9, HAPPY),)),)
    outcomes = store.segments.commit([SegmentCommit(one.fence, frames) for one in claimed])
    assert [outcome.accepted for outcome in outcomes] == [True, False]
    assert rows(store, "SELECT path FROM emotions") == [("a.jpg",)]


def test_a_late_result_never_lands_on_a_newer_segment(store: Store) -> None:
    """Ids are not used twice, or the fence of a forgotten segment would fit the next one."""
    job = start(store)
    admit(store, job, photo("a.jpg"))
    (late,) = store.segments.claim("w", 60, 1)
    forget(store, "a.jpg")
    admit(store, job, photo("b.jpg"))
    (fresh,) = store.segments.claim("w", 60, 1)
    assert fresh.fence.segment_id != late.fence.segment_id
    assert not store.segments.commit([SegmentCommit(late.fence, ())])[0].accepted


def test_paid_scores_hashes_and_calls(store: Store) -> None:
    job = start(store)
    admit(store, job, photo("a.jpg"))
    store.intake.remember_hashes(
        [
            (FileIdentity(b"/data/a.jpg", 1, 1, 1, 1), "f" * 64),
            (FileIdentity(b"/elsewhere", 1, 2, 1, 1), sha256("a.jpg")),
        ]
    )
    ((segment_id,),) = rows(store, "SELECT id FROM segment")
    when = "2026-01-01 00:00:00.000000"

    def pay(connection: sa.Connection) -> None:
        connection.exec_driver_sql(
            f"INSERT INTO paid_score (segment_id, pts, face, scorer, answer_json, created_at) "
            f"VALUES ({segment_id}, 0, 0, 'azure', '{{}}', '{when}')"
        )
        connection.exec_driver_sql(
            f"INSERT INTO api_call (job_id, scorer, outcome, faces, transactions, duration_s, created_at) "
            f"VALUES ('{job.id}', 'azure', 'answered', 1, 1, 0.5, '{when}')"
        )

    writing(store.engine, pay)
    assert forget(store, job.id).paid_scores == 1
    left = sizes(store)
    assert (left["paid_score"], left["path_hash"], left["job"]) == (0, 0, 0)
    assert rows(store, sa.select(api_call.c.job_id)) == [(None,)]  # what was spent is still known
    assert paid_score.name in left


def test_a_file_that_is_still_there_is_new_when_it_comes_again(store: Store) -> None:
    one, _ = two_jobs(store)
    forget(store, "p/shared.mp4")
    assert store.intake.known(sha256("p/shared.mp4"), 1, 2) is None
    assert admit(store, store.jobs.get(one), video("p/shared.mp4")).new_segments == 2


def test_a_preview_takes_nothing(store: Store) -> None:
    two_jobs(store)
    before = sizes(store)
    assert store.forgetting.preview(store.forgetting.find("p")).files == 4
    assert sizes(store) == before


@pytest.mark.parametrize("backend", ["sqlite"])
def test_no_byte_of_it_is_left_in_the_file_or_beside_it(store: Store, quick_folder: Path) -> None:
    many = [photo(f"{number:03d}.jpg", tags={"who": f"P{number}"}) for number in range(300)]
    job = start(store)
    store.intake.admit(job.id, many)
    admit(store, job, photo(f"{WHO}.jpg", tags={"who": WHO}), *(video(f"v{number}.mp4") for number in range(5)))
    marked = Face(1.0, 2.0, 3.0, 4.0, LANDMARKS, 0.9, HAPPY, json.dumps({"about": WHO}), WHO.encode())
    for claimed in store.segments.claim("w", 60, 1000):
        faces = (marked,) * 3 if WHO in claimed.path else (Face(1.0, 2.0, 3.0, 4.0, LANDMARKS, 0.9, HAPPY),) * 3
        store.segments.commit([SegmentCommit(claimed.fence, (Frame(0, 0.0, faces),))])
    assert found_in(quick_folder)
    forget(store, f"{WHO}.jpg")
    store.forgetting.scrub()
    assert found_in(quick_folder) == []
    assert rows(store, "SELECT count(*) FROM face") == [(3 * 310 - 3 * 5,)]
    with closing(sqlite3.connect(store.file or "")) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def found_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if WHO.encode() in file.read_bytes()]


@pytest.mark.parametrize("backend", ["postgresql"])
def test_scrubbing_postgresql_hands_dead_rows_over(store: Store) -> None:
    two_jobs(store)
    forget(store, "p")
    store.forgetting.scrub()
    assert rows(store, "SELECT count(*) FROM media") == [(1,)]


def test_a_problem_of_a_forgotten_segment_is_gone(store: Store) -> None:
    from db.records import SegmentFailure

    admit(store, start(store), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    store.segments.fail([SegmentFailure(claimed.fence, BROKEN)])
    forget(store, "a.jpg")
    assert rows(store, "SELECT count(*) FROM problems") == [(0,)]
