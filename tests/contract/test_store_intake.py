"""Files into a job: what is shared, what is new, what a repeated walk changes."""

import pytest
import sqlalchemy as sa

from db.errors import StoreError
from db.records import FileIdentity, Location
from db.schema import job_file, media, segment, tag
from db.store import Store
from tests.support.dbmaking import (
    BROKEN,
    ROOT,
    admit,
    analysis,
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

IDENTITY = FileIdentity(b"/data/\xff.jpg", 2**63 + 5, 2**64 - 1, 10, 1)


def count(store: Store, table: sa.Table) -> int:
    ((number,),) = rows(store, sa.select(sa.func.count()).select_from(table))
    return int(number)


def test_a_first_walk_makes_new_segments(store: Store) -> None:
    admission = admit(store, start(store), photo("a.jpg"), video("b.mp4", segments=3), unreadable("c.mp4"))
    assert (admission.files, admission.new_segments, admission.problems) == (3, 4, 1)
    assert (admission.duplicates, admission.reused_segments, admission.waiting_segments) == (0, 0, 0)


def test_the_same_folder_again_analyses_nothing(store: Store) -> None:
    files = (photo("a.jpg"), video("b.mp4", segments=3))
    admit(store, start(store, 1), *files)
    run_all(store)
    admission = admit(store, start(store, 2), *files)
    assert (admission.files, admission.new_segments, admission.reused_segments) == (2, 0, 4)
    assert run_all(store) == 0
    assert count(store, media) == 2


def test_a_known_file_needs_no_probing(store: Store) -> None:
    admit(store, start(store, 1), photo("a.jpg"))
    run_all(store)
    job = start(store, 2)
    known = store.intake.known(sha256("a.jpg"), job.video_analysis_id, job.photo_analysis_id)
    assert known is not None
    assert (known.kind, known.analysed) == ("photo", True)
    assert admit(store, job, photo("a.jpg", facts=None, segments=None)).reused_segments == 1


def test_another_analysis_of_a_known_file_is_new_work(store: Store) -> None:
    admit(store, start(store, 1), photo("a.jpg"))
    run_all(store)
    job = start(store, 2, photo_analysis=analysis("photo", "strict"))
    known = store.intake.known(sha256("a.jpg"), job.video_analysis_id, job.photo_analysis_id)
    assert known is not None
    assert not known.analysed
    assert admit(store, job, photo("a.jpg")).new_segments == 1
    assert count(store, media) == 1


def test_nothing_is_known_of_new_content(store: Store) -> None:
    job = start(store)
    assert store.intake.known("0" * 64, job.video_analysis_id, job.photo_analysis_id) is None


def test_work_that_an_earlier_job_left_is_waited_for(store: Store) -> None:
    admit(store, start(store, 1), video("b.mp4", segments=2))
    store.segments.claim("w", 60, 1)
    assert admit(store, start(store, 2), video("b.mp4", segments=2)).waiting_segments == 2


def test_old_failures_are_shown_and_left(store: Store) -> None:
    admit(store, start(store, 1), photo("a.jpg"))
    (claimed,) = store.segments.claim("w", 60, 1)
    from db.records import SegmentFailure

    store.segments.fail([SegmentFailure(claimed.fence, BROKEN)])
    admission = admit(store, start(store, 2), photo("a.jpg"))
    assert (admission.old_failures, run_all(store)) == (1, 0)


def test_a_renamed_file_is_free_and_shows_its_new_name(store: Store) -> None:
    admit(store, start(store, 1), photo("old.jpg", content="same"))
    run_all(store)
    assert admit(store, start(store, 2), photo("new.jpg", content="same")).new_segments == 0
    assert rows(store, "SELECT path FROM media") == [("new.jpg",)]
    assert rows(store, "SELECT DISTINCT path FROM emotions") == [("new.jpg",)]


def test_a_job_that_is_older_does_not_rename(store: Store) -> None:
    old = start(store, 1)
    admit(store, start(store, 2), photo("new.jpg", content="same"))
    admit(store, old, photo("old.jpg", content="same"))
    assert rows(store, "SELECT path FROM media") == [("new.jpg",)]


def test_the_same_content_twice_in_a_job_is_one_media_and_two_files(store: Store) -> None:
    admission = admit(store, start(store), photo("a.jpg", content="same"), photo("b.jpg", content="same"))
    assert (admission.files, admission.new_segments) == (2, 1)
    assert (count(store, media), count(store, job_file)) == (1, 2)
    assert run_all(store) == 1
    assert rows(store, "SELECT path, count(*) FROM job_emotions GROUP BY path ORDER BY path") == [
        ("a.jpg", 1),
        ("b.jpg", 1),
    ]


def test_one_path_twice_in_a_batch_is_one_file(store: Store) -> None:
    assert admit(store, start(store), photo("a.jpg"), photo("a.jpg")).files == 1


def test_a_walk_may_be_repeated(store: Store) -> None:
    job = start(store)
    admit(store, job, photo("a.jpg"), unreadable("c.mp4"))
    again = admit(store, job, photo("a.jpg"), unreadable("c.mp4"), photo("d.jpg"))
    assert (again.files, again.duplicates, again.problems, again.new_segments) == (1, 2, 0, 1)


def test_a_file_that_changed_under_its_name_keeps_its_place_in_the_job(store: Store) -> None:
    job = start(store)
    admit(store, job, photo("a.jpg", content="before"))
    assert admit(store, job, photo("a.jpg", content="after")).duplicates == 1
    assert rows(store, sa.select(media.c.sha256)) == [(sha256("before"),)]


def test_the_same_name_under_two_roots_is_two_files(store: Store) -> None:
    admission = admit(store, start(store), photo("a.jpg"), photo("a.jpg", root=b"/other", content="other"))
    assert admission.files == 2


def test_more_files_than_a_statement_takes_go_in_one_transaction(store: Store) -> None:
    job = start(store)
    files = [photo(f"{number:04d}.jpg", tags={"n": str(number)}) for number in range(1500)]
    assert store.intake.admit(job.id, files).new_segments == 1500
    assert (count(store, job_file), count(store, tag)) == (1500, 1500)
    assert store.intake.admit(job.id, files).duplicates == 1500


def test_tags_are_rows_and_a_json_object_in_one_order(store: Store) -> None:
    admit(store, start(store), photo("a.jpg", tags={"stimulus": "ad é", "participant": "P07"}))
    assert rows(store, sa.select(tag.c.key, tag.c.value).order_by(tag.c.key)) == [
        ("participant", "P07"),
        ("stimulus", "ad é"),
    ]
    assert rows(store, sa.select(job_file.c.tags_json)) == [('{"participant": "P07", "stimulus": "ad é"}',)]


def test_names_that_are_no_text_are_kept_as_bytes(store: Store) -> None:
    name = b"a\xff\n%02d'\".jpg"
    admit(store, start(store), photo("x", relative=name, path=name.decode("utf-8", "surrogateescape")))
    (claimed,) = store.segments.claim("w", 60, 1)
    assert claimed.relative == name
    assert "\\udcff" in claimed.path


def test_a_video_without_anything_to_sample_is_complete_at_once(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=0))
    assert rows(store, "SELECT state, completed_at IS NOT NULL FROM media_analysis") == [("complete", True)]
    assert counters(store) == counted_truth(store)


def test_a_claim_names_every_place_where_the_content_lies(store: Store) -> None:
    """The newest path first; when that has vanished, the others still hold it."""
    admit(store, start(store, 1), photo("old.jpg", content="same"), photo("copy.jpg", content="same"))
    admit(store, start(store, 2), photo("new.jpg", content="same", size=7, mtime_ns=9))
    admit(store, start(store, 3), photo("new.jpg", content="same", size=7, mtime_ns=9))
    (claimed,) = store.segments.claim("w", 60, 1)
    assert [place.path for place in claimed.locations] == ["new.jpg", "old.jpg", "copy.jpg"]
    assert claimed.locations[0] == Location(ROOT, b"new.jpg", "new.jpg", 7, 9)
    assert (claimed.path, claimed.mtime_ns) == ("new.jpg", 9)


def test_a_live_job_knows_better_where_a_file_lies_than_a_cancelled_one(store: Store) -> None:
    admit(store, start(store, 1), photo("live.jpg", content="same"))
    cancelled = start(store, 2)
    admit(store, cancelled, photo("gone.jpg", content="same"))
    store.jobs.cancel(cancelled.id)
    (claimed,) = store.segments.claim("w", 60, 1)
    assert [place.path for place in claimed.locations] == ["live.jpg", "gone.jpg"]


def test_urgency_rises_with_the_most_urgent_job_that_asks(store: Store) -> None:
    admit(store, start(store, 1), photo("a.jpg"))
    admit(store, start(store, 2, priority=3), photo("a.jpg"))
    admit(store, start(store, 3, priority=1), photo("a.jpg"))
    assert rows(store, sa.select(segment.c.priority)) == [(3,)]


def test_files_for_a_job_that_is_gone_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="is gone"):
        store.intake.admit("nobody", [photo("a.jpg")])


def test_a_file_without_facts_whose_media_is_unknown_is_refused_and_nothing_is_written(store: Store) -> None:
    job = start(store)
    with pytest.raises(StoreError, match="is gone"):
        admit(store, job, photo("a.jpg"), photo("b.jpg", facts=None, segments=None))
    assert count(store, media) == count(store, job_file) == 0


def planned(store: Store, *identities: FileIdentity) -> dict[bytes, str]:
    job = store.jobs.find("latest")
    return store.intake.planned(identities, job.video_analysis_id, job.photo_analysis_id)


def test_a_file_is_known_until_anything_of_it_changes(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"))
    store.intake.remember_hashes([(IDENTITY, sha256("a.jpg"))])
    assert planned(store, IDENTITY) == {IDENTITY.path: sha256("a.jpg")}
    for changed in (
        FileIdentity(b"/data/other.jpg", IDENTITY.device, IDENTITY.inode, 10, 1),
        FileIdentity(IDENTITY.path, 1, IDENTITY.inode, 10, 1),
        FileIdentity(IDENTITY.path, IDENTITY.device, 1, 10, 1),
        FileIdentity(IDENTITY.path, IDENTITY.device, IDENTITY.inode, 11, 1),
        FileIdentity(IDENTITY.path, IDENTITY.device, IDENTITY.inode, 10, 2),
    ):
        assert planned(store, changed) == {}


def test_a_known_file_must_be_looked_into_for_another_analysis(store: Store) -> None:
    admit(store, start(store, 1), photo("a.jpg"))
    store.intake.remember_hashes([(IDENTITY, sha256("a.jpg"))])
    start(store, 2, photo_analysis=analysis("photo", "other"))
    assert planned(store, IDENTITY) == {}


def test_a_changed_file_replaces_its_hash(store: Store) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    store.intake.remember_hashes([(IDENTITY, sha256("a.jpg")), (FileIdentity(b"/x", 1, 1, 1, 1), "c" * 64)])
    changed = FileIdentity(IDENTITY.path, IDENTITY.device, IDENTITY.inode, 11, 2)
    store.intake.remember_hashes([(changed, sha256("b.jpg"))])
    assert planned(store, IDENTITY) == {}
    assert planned(store, changed) == {IDENTITY.path: sha256("b.jpg")}
    store.intake.remember_hashes([])
