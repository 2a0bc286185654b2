"""kill -9 and SIGSTOP of each part of a fleet: the job ends as if nothing had happened, by itself."""

import json
from pathlib import Path

import pytest
from psycopg import Connection

from tests.acceptance.fleets import Rows, agrees, trace, undisturbed
from tests.acceptance.folders import write_clip, write_photo
from tests.support.crews import wait_until_gone
from tests.support.fleet import Fleet
from tests.support.postgres import Server
from tests.support.programs import Program, await_true

MANY = 200
EVERY_FRAME = "--every-frame"
SOON_S = 30.0
"""What should take less than ten seconds, on a machine that has other things to do."""
WORKED_S = 0.2
"""CPU time of a warm child after which it is well into its segment."""
HELD = "SELECT id FROM segment WHERE state = 'running' AND owner LIKE %s"
LONG = "SELECT owner, attempt FROM segment WHERE state = 'running' AND targets >= 400"
BLOCKED = "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
ELECTED = "action=reaper-elected"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, clips, one that takes a while, and one that is none."""
    made = tmp_path_factory.mktemp("media")
    for number in range(4):
        write_photo(made / f"{number}.jpg", number)
    for number in range(2):
        write_clip(made / f"short {number}.mp4", number, seconds=1)
    write_clip(made / "long.mp4", 9, seconds=16)
    (made / "text.mp4").write_text("this is text")
    return made


def holder_of_the_long_one(fleet: Fleet, *workers: Program) -> Program:
    """The worker that has the long clip in hand, once one has."""
    [(owner, _)] = fleet.await_rows(LONG)
    return next(worker for worker in workers if f":{worker.pid}:" in str(owner))


def one(worker: Program) -> str:
    """How owners of this worker's segments are called, for LIKE."""
    return f"%:{worker.pid}:%"


def said(worker: Program, what: str) -> bool:
    """Whether a program has logged something."""
    return what in worker.log.read_text("utf-8")


def test_a_child_that_is_killed_costs_its_segment_one_failure_and_a_moment(
    fleet: Fleet, folder: Path, expected: Rows
) -> None:
    worker = fleet.worker("--concurrency", "1")
    fleet.await_finished(fleet.run("submit", folder / "0.jpg", EVERY_FRAME, "--quiet").strip())  # its child is warm now
    job = fleet.job_of(fleet.submit(folder, EVERY_FRAME))
    holder_of_the_long_one(fleet, worker)
    [child] = worker.family
    until = child.cpu_times().user + WORKED_S
    fleet.await_true(lambda: child.cpu_times().user > until, "the child does nothing")
    child.kill()
    fleet.await_rows(f"{LONG} AND attempt = 2 AND failures = 1", timeout_s=SOON_S)
    assert worker.family != [child]
    fleet.await_finished(job)
    agrees(fleet, expected)
    seen = trace(fleet)
    assert set(seen.states) == {"done"}
    assert sorted(seen.attempts) == [1] * 6 + [2]
    assert [failures for failures, attempt in zip(seen.failures, seen.attempts, strict=True) if attempt == 2] == [1]
    assert sum(seen.failures) == 1
    assert sum(seen.expiries) == 0


def test_what_a_killed_worker_had_in_hand_is_done_by_another_once_its_lease_is_over(
    fleet: Fleet, folder: Path, expected: Rows
) -> None:
    workers = [fleet.worker("--concurrency", "1") for _ in range(2)]
    fleet.await_ready(*workers)
    job = fleet.job_of(fleet.submit(folder, EVERY_FRAME))
    victim = holder_of_the_long_one(fleet, *workers)
    held = kill_while_it_works(fleet, victim)
    fleet.await_finished(job)
    agrees(fleet, expected)
    assert_expired_once(fleet, held)


def test_whoever_looks_after_the_others_is_replaced_when_killed(fleet: Fleet, folder: Path, expected: Rows) -> None:
    reaper = fleet.reaper()
    fleet.await_true(lambda: said(reaper, ELECTED), "it was not elected")
    workers = [fleet.worker("--concurrency", "1") for _ in range(2)]
    fleet.await_ready(reaper, *workers)
    assert not any(said(worker, ELECTED) for worker in workers)
    reaper.kill()
    fleet.await_true(lambda: any(said(worker, ELECTED) for worker in workers), "nobody took over")
    first, second = sorted(workers, key=lambda worker: not said(worker, ELECTED))
    job = fleet.job_of(fleet.submit(folder, EVERY_FRAME))
    held = kill_while_it_works(fleet, first)
    fleet.await_finished(job)
    assert said(second, ELECTED)
    agrees(fleet, expected)
    assert_expired_once(fleet, held)


def test_a_worker_that_was_frozen_in_the_middle_of_its_commit_is_refused_by_the_fence(
    fleet: Fleet, folder: Path, expected: Rows
) -> None:
    late = fleet.worker("--concurrency", "1")
    fleet.await_true(lambda: said(late, ELECTED), "it was not elected")  # nobody else may look after it while frozen
    job = fleet.job_of(fleet.submit(folder, EVERY_FRAME))
    holder_of_the_long_one(fleet, late)
    with fleet.server.connect(fleet.database) as connection, connection.transaction():
        connection.execute("LOCK TABLE frame IN SHARE MODE")
        fleet.await_rows(BLOCKED)
        late.freeze()
        other = fleet.worker("--concurrency", "1")
        fleet.await_ready(other)
        fleet.await_rows(f"SELECT 1 WHERE NOT EXISTS ({BLOCKED})")  # the server gave up on it: it holds no row
    fleet.await_finished(job)
    agrees(fleet, expected)
    late.thaw()
    fleet.await_true(lambda: said(late, "action=outcome-refused"), "its outcome was not refused")
    agrees(fleet, expected)
    assert said(other, ELECTED)
    assert [late.stop(), other.stop()] == [0, 0]
    seen = trace(fleet)
    assert sorted(seen.attempts) == [1] * 6 + [2]
    assert seen.expiries == [attempt - 1 for attempt in seen.attempts]
    assert sum(seen.failures) == 0


def test_a_walk_whose_submitter_was_killed_half_way_is_continued_by_resume(postgres: Server, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for number in range(MANY):
        write_photo(media / f"{number:03}.jpg", number)
    expected = undisturbed(media, tmp_path / "undisturbed")
    with Fleet({"main": media}, server=postgres) as fleet:
        submission = fleet.submit(media, MOODREEL_WORKERS="1")
        known, family = freeze_half_way(fleet, submission)
        assert 0 < known < MANY
        submission.kill()
        wait_until_gone(family)
        job = fleet.job_of(submission)
        assert "discovering (interrupted)" in fleet.run("status", job)
        fleet.worker("--concurrency", "2")  # what is known is worked on, whether the walk goes on or not
        fleet.await_rows("SELECT 1 FROM segment WHERE state = 'done' HAVING count(*) >= %s", known)
        fleet.run("resume", job)
        fleet.await_finished(job)
        agrees(fleet, expected)
        assert set(trace(fleet).attempts) == {1}
        assert json.loads(fleet.run("status", job, "--json"))["state"] == "finished"


def freeze_half_way(fleet: Fleet, submission: Program) -> tuple[int, list[int]]:
    """SIGSTOP of a submission as soon as anything is admitted: how many files are, and its children."""
    with fleet.server.connect(fleet.database) as connection:
        await_true(lambda: count(connection) > 0, submission.tail, SOON_S, every_s=0.005)
        submission.freeze()
        return count(connection), [child.pid for child in submission.family]


def count(connection: Connection[tuple[object, ...]]) -> int:
    """How many files are admitted."""
    row = connection.execute("SELECT count(*) FROM job_file").fetchone()
    assert row is not None
    return int(str(row[0]))


def kill_while_it_works(fleet: Fleet, worker: Program) -> set[int]:
    """SIGKILL of a worker that has something in hand; its children notice. The segments that it had."""
    while True:
        fleet.await_rows(HELD, one(worker))
        worker.freeze()
        if fleet.rows(HELD, one(worker)):
            break
        worker.thaw()  # it was quicker than we
    family = [child.pid for child in worker.family]
    worker.kill()
    wait_until_gone(family)
    held = {int(str(number)) for (number,) in fleet.rows(HELD, one(worker))}
    assert held
    return held


def assert_expired_once(fleet: Fleet, held: set[int]) -> None:
    """That the segments held were tried again when their lease was over, and nobody was charged a failure."""
    went = fleet.rows("SELECT id, state, attempt, failures, expiries FROM segment ORDER BY id")
    for number, *what in went:
        assert what == (["done", 2, 0, 1] if number in held else ["done", 1, 0, 0]), fleet.tails()
