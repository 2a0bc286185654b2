"""The embedded runner with real children and a real database: what dies, what is charged, what goes on."""

import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from db.overview import Overview
from db.records import JobRecord
from db.states import JobState
from db.store import Store
from jobs.control import Controls, Ending, RunOutcome, Stop
from jobs.discover import Filters
from jobs.errors import JobError
from jobs.intake import Intake, Places
from jobs.progress import Silent, Snapshot
from jobs.request import RunRequest
from jobs.run import Runner
from jobs.submit import Wish, build_request, create_job
from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import sql
from workers.analysis import DetectorSpec, Sampling, ScorerSpec
from workers.limits import ChildLimits
from workers.supervisor import Supervisor

Work = Callable[..., RunOutcome]


@pytest.fixture
def store(tmp_path: Path) -> "Store":
    return Store.open(f"sqlite:///{tmp_path / 'moodreel.db'}", create=True)


def request_for(folder: Path, every_s: float = 1) -> RunRequest:
    sampling = Sampling(interval_s=Fraction(every_s))
    return build_request(Wish([str(folder)], sampling, DetectorSpec(), ScorerSpec(), Filters(), None, {}, None))


def work(
    store: Store,
    request: RunRequest,
    job: JobRecord | None = None,
    *,
    entry: str = "workers.child:main",
    stop: Stop | None = None,
    places: Places | None = None,
    device: str = "auto",
) -> RunOutcome:
    """Run a job as the command line would."""
    job = job or create_job(store, request, "test:1")
    controls = Controls(Silent(), stop or Stop())
    with Supervisor(1, ChildLimits(), device, entry) as supervisor:
        if job.state is not JobState.DISCOVERING:
            return Runner(store, job, supervisor, None, controls).run()
        with Intake(store, job, request, places) as intake:
            return Runner(store, job, supervisor, intake, controls).run()


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


def test_a_photo_that_kills_its_child_fails_alone_and_the_rest_of_its_batch_is_analysed(
    media: Path, store: Store, tmp_path: Path
) -> None:
    for number in range(6):
        write_photo(media / f"{number}.jpg", number)
    write_photo(media / "3 deadly.jpg", 99)
    with store:
        outcome = work(store, request_for(media), entry="tests.support.deadly:main")
    assert outcome.ending is Ending.FINISHED
    assert (outcome.desk.segments, outcome.desk.failed, outcome.desk.failures) == (6, 1, 3)
    database = tmp_path / "moodreel.db"
    assert sql(database, "SELECT path, code FROM problems") == [("3 deadly.jpg", "child.crashed")]
    assert sql(database, "SELECT count(*) FROM emotions") == [(6,)]
    charged = sql(database, "SELECT failures, count(*) FROM segment GROUP BY 1 ORDER BY 1")
    assert charged == [(0, 6), (3, 1)]


def test_a_photo_whose_face_kills_its_child_costs_those_that_are_scored_with_it_nothing(
    media: Path, store: Store, tmp_path: Path
) -> None:
    for number in range(6):
        write_photo(media / f"{number}.jpg", number)
    write_photo(media / "3 mortal.jpg", 99)
    with store:
        outcome = work(store, request_for(media), entry="tests.support.deadly:main")
    assert outcome.ending is Ending.FINISHED
    assert (outcome.desk.segments, outcome.desk.failed, outcome.desk.failures) == (6, 1, 3)
    database = tmp_path / "moodreel.db"
    assert sql(database, "SELECT path, code FROM problems") == [("3 mortal.jpg", "child.crashed")]
    charged = sql(database, "SELECT failures, count(*) FROM segment GROUP BY 1 ORDER BY 1")
    assert charged == [(0, 6), (3, 1)]


def test_retry_tries_what_failed_once_more_and_only_that(media: Path, store: Store, tmp_path: Path) -> None:
    write_photo(media / "deadly.jpg", 1)
    write_photo(media / "good.jpg", 2)
    (media / "late.jpg").write_bytes(b"")
    request = request_for(media)
    with store:
        first = work(store, request, entry="tests.support.deadly:main")
        assert first.counts.files_failed == 2
        write_photo(media / "late.jpg", 3)
        job = store.jobs.find("latest")
        assert store.jobs.retry(job.id) == 2
        second = work(store, request, store.jobs.get(job.id))
    assert (second.desk.segments, second.counts.files_failed, second.counts.files) == (2, 0, 3)
    assert sql(tmp_path / "moodreel.db", "SELECT path FROM frames ORDER BY 1") == [
        ("deadly.jpg",),
        ("good.jpg",),
        ("late.jpg",),
    ]


def test_retry_looks_at_no_file_that_is_new(media: Path, store: Store, tmp_path: Path) -> None:
    (media / "sub").mkdir()
    (media / "sub" / "late.jpg").write_bytes(b"")
    request = request_for(media)
    with store:
        work(store, request)
        write_photo(media / "sub" / "late.jpg", 3)
        write_photo(media / "new.jpg", 4)
        job = store.jobs.find("latest")
        places = [(one.root, one.relative) for one in store.jobs.unread(job.id)]
        store.jobs.retry(job.id)
        again = work(store, request, store.jobs.get(job.id), places=places)
    assert (again.desk.segments, again.counts.files) == (1, 1)
    assert sql(tmp_path / "moodreel.db", "SELECT path FROM frames") == [("sub/late.jpg",)]


def test_a_job_is_sealed_as_soon_as_every_file_is_known(media: Path, store: Store, tmp_path: Path) -> None:
    write_clip(media / "long.mp4", 1, seconds=4)
    request = request_for(media, every_s=0.04)
    stop = Stop()

    class StopsOnceAnythingIsAnalysed(Silent):
        def show(self, now: Snapshot) -> None:
            if now.frames:
                stop.now()

    with store:
        job = create_job(store, request, "test:1")
        with Supervisor(1, ChildLimits()) as supervisor, Intake(store, job, request) as intake:
            outcome = Runner(store, job, supervisor, intake, Controls(StopsOnceAnythingIsAnalysed(), stop)).run()
        assert outcome.ending is Ending.INTERRUPTED
        assert store.jobs.get(job.id).state is JobState.SEALED


def test_a_machine_that_cannot_load_the_models_fails_no_file(media: Path, store: Store, tmp_path: Path) -> None:
    write_photo(media / "one.jpg", 1)
    request = request_for(media)
    with store:
        with pytest.raises(JobError, match="cannot run on 'cuda'"):
            work(store, request, device="cuda")
        assert sql(tmp_path / "moodreel.db", "SELECT state, failures FROM segment") == [("queued", 0)]
        assert work(store, request, store.jobs.find("latest")).desk.segments == 1


def test_files_are_shown_by_path_whatever_order_they_came_in(media: Path, store: Store) -> None:
    for name in ("c.jpg", "a.jpg", "b.jpg"):
        write_photo(media / name, ord(name[0]))
    with store:
        work(store, request_for(media))
        shown = Overview(store.engine).files(store.jobs.find("latest").id, 10)
    assert [line.path for line in shown] == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_file_that_is_not_there_keeps_its_tags(media: Path, store: Store, tmp_path: Path) -> None:
    request = replace(request_for(media / "gone.mp4"), file_tags={os.fsencode(media / "gone.mp4"): {"who": "p1"}})
    with store:
        work(store, request)
    assert sql(tmp_path / "moodreel.db", "SELECT tags_json FROM job_file") == [('{"who": "p1"}',)]


def test_a_new_job_meets_old_failures_and_does_not_try_them_again(media: Path, store: Store) -> None:
    write_photo(media / "deadly.jpg", 1)
    request = request_for(media)
    with store:
        work(store, request, entry="tests.support.deadly:main")
        again = work(store, request)
    assert again.desk.segments == 0
    assert again.counts.files_failed == 1


def test_children_that_cannot_start_end_the_run_with_a_hint_and_cost_nothing(
    media: Path, store: Store, tmp_path: Path
) -> None:
    write_photo(media / "one.jpg", 1)
    with store:
        with pytest.raises(JobError, match="no child process can work") as refused:
            work(store, request_for(media), entry="tests.support.nothing_here:main")
        assert "doctor" in refused.value.hint
        job = store.jobs.find("latest")
        outcome = work(store, request_for(media), job)
    assert outcome.desk.segments == 1
    assert sql(tmp_path / "moodreel.db", "SELECT failures, expiries FROM segment") == [(0, 0)]


def test_a_run_that_is_told_to_stop_before_it_begins_does_nothing_and_can_go_on(media: Path, store: Store) -> None:
    write_photo(media / "one.jpg", 1)
    stop = Stop()
    stop.now()
    request = request_for(media)
    with store:
        assert work(store, request, stop=stop).ending is Ending.INTERRUPTED
        job = store.jobs.find("latest")
        assert job.state is JobState.DISCOVERING
        assert work(store, request, job).ending is Ending.FINISHED


def test_a_copy_stands_in_for_a_file_that_is_gone(media: Path, store: Store, tmp_path: Path) -> None:
    write_photo(media / "a.jpg", 1)
    (media / "b.jpg").write_bytes((media / "a.jpg").read_bytes())
    request = request_for(media)
    stop = Stop()
    stop.now()
    with store:
        job = create_job(store, request, "test:1")
        with Supervisor(1, ChildLimits()) as supervisor, Intake(store, job, request) as intake:
            controls = Controls(Silent(), Stop(), analyse=False)
            Runner(store, job, supervisor, intake, controls).run()
        (media / "a.jpg").unlink()
        outcome = work(store, request, store.jobs.get(job.id))
    assert outcome.desk.segments == 1
    assert sql(tmp_path / "moodreel.db", "SELECT count(*) FROM problems") == [(0,)]


def test_a_touched_file_is_read_again_and_taken_and_a_changed_one_is_not(
    media: Path, store: Store, tmp_path: Path
) -> None:
    write_photo(media / "touched.jpg", 1)
    write_photo(media / "changed.jpg", 2)
    request = request_for(media)
    with store:
        job = create_job(store, request, "test:1")
        with Supervisor(1, ChildLimits()) as supervisor, Intake(store, job, request) as intake:
            Runner(store, job, supervisor, intake, Controls(Silent(), Stop(), analyse=False)).run()
        os.utime(media / "touched.jpg", (1, 1))
        content = bytearray((media / "changed.jpg").read_bytes())
        content[-10] ^= 255
        (media / "changed.jpg").write_bytes(content)
        os.utime(media / "changed.jpg", (1, 1))
        outcome = work(store, request, store.jobs.get(job.id))
    assert outcome.desk.segments == 1
    assert sql(tmp_path / "moodreel.db", "SELECT path, code FROM problems") == [("changed.jpg", "media.changed")]


def test_a_renamed_file_is_not_analysed_again_and_shows_its_new_name(media: Path, store: Store, tmp_path: Path) -> None:
    write_clip(media / "old name.mp4", 1)
    with store:
        work(store, request_for(media))
        (media / "old name.mp4").rename(media / "new name.mp4")
        again = work(store, request_for(media))
    assert again.desk.segments == 0
    assert sql(tmp_path / "moodreel.db", "SELECT DISTINCT path FROM emotions") == [("new name.mp4",)]


def test_tags_of_the_job_and_of_the_manifest_reach_the_views(media: Path, store: Store, tmp_path: Path) -> None:
    write_photo(media / "one.jpg", 1)
    request = replace(
        request_for(media), tags={"study": "7"}, file_tags={os.fsencode(media / "one.jpg"): {"participant": "p1"}}
    )
    with store:
        work(store, request)
    found = sql(tmp_path / "moodreel.db", "SELECT tags FROM job_emotions")
    assert found == [('{"participant": "p1", "study": "7"}',)]
    assert sql(tmp_path / "moodreel.db", "SELECT key, value FROM tag ORDER BY 1") == [
        ("participant", "p1"),
        ("study", "7"),
    ]
