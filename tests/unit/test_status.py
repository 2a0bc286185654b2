"""A job's state and what it waits for, decided from what was read."""

from dataclasses import replace

import pytest

from db.call_records import Bill
from db.fleet import WorkerReport
from db.job_records import Turn
from db.records import JobCounts, JobRecord
from db.states import JobState
from jobs.status import Activity, JobStatus, lacks_root, lacks_time, lacks_version, lacks_workers, mounted, state_of

JOB = JobRecord("1", None, JobState.SEALED, '{"fleet": true}', 1, 1, "0", "host:1", "", "", "", 0)
WALKED = replace(JOB, state=JobState.DISCOVERING, sealed_at=None)
COUNTS = JobCounts(
    files=3, files_failed=0, files_partial=0, files_done=1, skipped=0, segments=3, queued=2, running=0, done=1,
    failed=0, targets=3, frames=1, faces=0, media_s=0.0, media_done_s=0.0,
)  # fmt: skip
RUNNING = replace(COUNTS, queued=1, running=1)
STALLED = replace(RUNNING, stalled=1)
DONE = replace(COUNTS, queued=0, done=3)
SERVER = Activity(locked=None, walks=True)


def worker(number: int = 1, **changes: str) -> WorkerReport:
    return replace(
        WorkerReport(f"host:{number}", f"host{number}", number, "cpu", 2, "0", "working", roots="main"), **changes
    )


@pytest.mark.parametrize(
    ("counts", "state"),
    [(RUNNING, "running"), (STALLED, "queued"), (COUNTS, "queued"), (DONE, "finished")],
    ids=["running", "stalled", "queued", "done"],
)
def test_on_a_server_a_job_runs_while_somebody_has_a_segment_of_it(counts: JobCounts, state: str) -> None:
    assert state_of(JOB, counts, SERVER) == state


@pytest.mark.parametrize(("locked", "state"), [(True, "running"), (False, "interrupted")])
def test_on_a_file_a_job_runs_while_a_run_holds_its_lock(locked: bool, state: str) -> None:
    assert state_of(JOB, COUNTS, Activity(locked, walks=False)) == state


@pytest.mark.parametrize(
    ("activity", "state"),
    [
        (SERVER, "discovering"),
        (Activity(None, walks=False), "discovering (interrupted)"),
        (Activity(True, walks=False), "discovering"),
        (Activity(False, walks=True), "discovering (interrupted)"),
    ],
)
def test_a_walk_goes_on_while_its_submitter_lives(activity: Activity, state: str) -> None:
    assert state_of(WALKED, COUNTS, activity) == state


def test_a_cancelled_job_is_that_and_a_finished_one_says_if_some_failed() -> None:
    assert state_of(replace(JOB, state=JobState.CANCELLED), COUNTS, SERVER) == "cancelled"
    assert state_of(JOB, replace(DONE, files_failed=1), SERVER) == "finished (some failed)"


@pytest.mark.parametrize(
    ("reason", "state"),
    [("its budget of 10 calls is spent", "stopped (budget)"), ("the key was refused", "stopped")],
)
def test_a_job_that_stopped_by_itself_is_none_that_a_person_cancelled(reason: str, state: str) -> None:
    stopped = replace(JOB, state=JobState.CANCELLED, stop_reason=reason)
    assert state_of(stopped, COUNTS, SERVER) == state
    status = JobStatus(stopped, COUNTS, state)
    assert status.is_over
    assert status.as_json()["stop_reason"] == reason


def test_what_was_spent_is_told_with_what_may_be_spent() -> None:
    assert JobStatus(JOB, COUNTS, "running").as_json()["bill"] is None
    bill = Bill(calls=3, answered=2, transactions=2, cost=0.002, in_flight=1, faces=70)
    told = JobStatus(replace(JOB, max_calls=100), COUNTS, "running", bill=bill).as_json()["bill"]
    assert (told["calls"], told["in_flight"], told["cost"]) == (3, 1, 0.002)
    assert (told["max_calls"], told["max_cost"]) == (100, None)


@pytest.mark.parametrize(
    ("state", "counts", "fleet", "over"),
    [
        ("running", COUNTS, True, False),
        ("queued", COUNTS, True, False),
        ("queued", COUNTS, False, True),
        ("discovering", DONE, True, False),
        ("discovering (interrupted)", COUNTS, True, False),
        ("discovering (interrupted)", DONE, True, True),
        ("discovering (interrupted)", COUNTS, False, True),
        ("interrupted", COUNTS, False, True),
        ("cancelled", COUNTS, True, True),
        ("finished", DONE, True, True),
    ],
)
def test_who_watches_a_job_stays_while_it_may_go_on(state: str, counts: JobCounts, fleet: bool, over: bool) -> None:
    job = replace(JOB, request_json='{"fleet": true}' if fleet else "{}")
    assert JobStatus(job, counts, state).is_over == over


def test_without_workers_a_job_waits_for_one() -> None:
    wait = lacks_workers([])
    assert wait is not None
    assert (wait.code, wait.hint) == ("worker", "start one: moodreel worker")


def test_where_every_worker_is_paused_their_notes_say_why() -> None:
    paused = [worker(1, state="paused", note="the disk is full"), worker(2, state="paused")]
    wait = lacks_workers(paused)
    assert wait is not None
    assert wait.code == "paused"
    assert wait.reason == "every one is paused (host1: the disk is full; host2: no reason given)"
    assert lacks_workers([*paused, worker(3)]) is None


def test_what_paused_workers_have_mounted_is_of_no_use() -> None:
    workers = [worker(1, roots="main,other"), worker(2, state="paused", roots="archive"), worker(3, roots="")]
    assert mounted(workers) == {"main", "other"}


def test_a_media_root_that_no_worker_has_mounted_is_waited_for() -> None:
    wait = lacks_root(["archive", "main"])
    assert wait is not None
    assert wait.code == "root"
    assert "media root archive, main" in wait.reason
    assert wait.hint is not None
    assert "MOODREEL_MEDIA_ROOTS=archive=" in wait.hint


def test_a_url_needs_no_mount() -> None:
    assert lacks_root(["archive", "s3://bucket/folder"]) is None
    assert lacks_root([]) is None


def test_when_nothing_is_amiss_it_is_a_matter_of_time() -> None:
    again = lacks_time(Turn(retried=3, retry_in_s=12.4))
    assert (again.code, again.reason) == ("retry", "3 segments to be tried again, the first in 12 s")
    assert lacks_time(Turn(ahead=1200)).reason == "1,200 segments of others first"
    assert lacks_time(Turn()).reason == "it is next"


def test_a_job_that_every_worker_leaves_to_others_waits_for_one_that_does_not() -> None:
    leaves = worker(note="leaves to others analysis 1, 7: it asks for revision 2; the broker is away")
    elsewhere = worker(2, note="leaves to others analysis 11: it asks for revision 3")
    paused = worker(3, state="paused", note="the disk is full")
    wait = lacks_version(JOB, [leaves, paused])
    assert wait is not None
    assert (wait.code, wait.reason) == ("version", "it asks for revision 2")
    assert "upgrade" in str(wait.hint)
    assert lacks_version(JOB, [leaves, elsewhere]) is None
    assert lacks_version(JOB, [leaves, worker(4)]) is None
    assert lacks_version(JOB, [paused]) is None
