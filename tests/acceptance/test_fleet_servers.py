"""Redis and PostgreSQL of a fleet die, forget, come back and cut lines: its jobs end as if nothing had happened."""

import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleets import Rows, agrees, trace, undisturbed
from tests.acceptance.folders import write_clip, write_photo
from tests.support.cutting import Cut, CuttingProxy
from tests.support.fleet import Fleet
from tests.support.postgres import Server
from tests.support.programs import Program

SAMPLING = ("--every", "100ms")
CUTS = 40
OUTAGE_S = 15.0
"""Several ticks of the reaper."""
SOME_DONE = "SELECT 1 FROM segment WHERE state = 'done' HAVING count(*) >= 4"
MORE_DONE = "SELECT 1 FROM segment WHERE state = 'done' HAVING count(*) >= 12"
RUNG = "SELECT count(*) FROM segment WHERE dispatched_at IS NOT NULL HAVING count(*) > 0"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for number in range(20):
        write_photo(folder / f"{number:02}.jpg", number)
    for number in range(8):
        write_clip(folder / f"{number:02}.mp4", number, seconds=3)
    return folder


@pytest.fixture(scope="module")
def expected(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return undisturbed(media, tmp_path_factory.mktemp("undisturbed"), *SAMPLING)


@pytest.fixture
def fleet(media: Path, postgres: Server) -> Iterator[Fleet]:
    """On the server of all tests: its Redis alone is its own."""
    with Fleet({"main": media}, server=postgres) as opened:
        yield opened


def log_of(program: Program) -> str:
    return program.log.read_text("utf-8")


def does_a_new_job(fleet: Fleet, folder: Path, number: int = 20) -> None:
    """Whoever is left hears bells again: of a photo that nobody has seen yet."""
    photo = folder / "new.jpg"
    write_photo(photo, number)
    try:
        job = fleet.run("submit", photo).strip()
        fleet.await_finished(job)
    finally:
        photo.unlink()


def test_bells_that_redis_forgot_are_rung_again_by_the_reaper(fleet: Fleet, media: Path, expected: Rows) -> None:
    reaper = fleet.reaper()
    fleet.await_ready(reaper)
    job = fleet.run("submit", media, *SAMPLING).strip()
    ((rung,),) = fleet.await_rows(RUNG)  # for as many as the queue holds, while nobody takes any
    fleet.redis.flush()
    worker = fleet.worker("--concurrency", "2")
    fleet.await_finished(job)
    agrees(fleet, expected)
    assert set(trace(fleet).attempts) == {1}
    forgotten = re.findall(r"action=bells-forgotten' segments=(\d+)", log_of(reaper) + log_of(worker))
    assert sum(map(int, forgotten)) >= rung


def test_a_redis_that_loses_everything_in_the_middle_of_a_job_costs_nothing(
    fleet: Fleet, media: Path, expected: Rows
) -> None:
    worker = fleet.worker("--concurrency", "2")
    fleet.await_ready(worker)
    job = fleet.job_of(fleet.submit(media, *SAMPLING))
    fleet.await_rows(SOME_DONE)
    fleet.redis.restart(empty=True)
    fleet.await_rows(MORE_DONE)
    fleet.redis.flush()
    fleet.await_finished(job)
    agrees(fleet, expected)
    assert set(trace(fleet).attempts) == {1}
    does_a_new_job(fleet, media)


def test_a_job_is_submitted_while_redis_is_down_and_done_once_it_is_up(
    fleet: Fleet, media: Path, expected: Rows
) -> None:
    early = fleet.worker("--concurrency", "1")
    fleet.await_ready(early)
    fleet.redis.kill()
    down_until = time.monotonic() + OUTAGE_S
    submission = fleet.submit(media, *SAMPLING)
    late = fleet.worker("--concurrency", "1")
    assert submission.wait() == 0, log_of(submission)
    assert log_of(submission).count("cannot be reached") == 1
    job = fleet.job_of(submission)
    fleet.await_ready(late)
    status = fleet.run("status")
    assert "waits for the broker" in status
    assert "hint: start Redis" in status
    assert f"{len(expected['media'])} files: 0 done" in status
    time.sleep(max(0.0, down_until - time.monotonic()))
    fleet.redis.start()
    fleet.await_finished(job)
    agrees(fleet, expected)
    assert set(trace(fleet).attempts) == {1}
    early.stop()
    does_a_new_job(fleet, media)
    said = status + fleet.tails()
    assert fleet.redis.password not in said


def test_a_worker_that_lost_redis_while_it_was_idle_hears_bells_again(fleet: Fleet, media: Path) -> None:
    worker = fleet.worker("--concurrency", "1")
    fleet.await_ready(worker)
    losses = (fleet.redis.restart, fleet.redis.flush, lambda: fleet.redis.restart(empty=True))
    for number, lose in enumerate(losses, start=20):
        lose()
        does_a_new_job(fleet, media, number)


def test_a_postgresql_that_is_killed_is_waited_for_and_no_segment_pays_for_it(media: Path, expected: Rows) -> None:
    with Fleet({"main": media}) as fleet:
        assert fleet.postgres is not None
        workers = [fleet.worker("--concurrency", "1") for _ in range(2)]
        fleet.await_ready(*workers)
        job = fleet.job_of(fleet.submit(media, *SAMPLING))
        fleet.await_rows(SOME_DONE)
        fleet.postgres.kill()
        status = fleet.start("status")
        assert status.wait() == 3
        assert "the database server cannot be reached" in log_of(status)
        assert "hint: " in log_of(status)
        time.sleep(3)
        fleet.postgres.start()
        fleet.await_finished(job)
        agrees(fleet, expected)
        assert set(trace(fleet).failures) == {0}
        assert set(trace(fleet).states) == {"done"}


def test_a_submission_goes_on_once_a_killed_postgresql_is_back(media: Path, expected: Rows) -> None:
    with Fleet({"main": media}) as fleet:
        assert fleet.postgres is not None
        submission = fleet.submit(media, *SAMPLING, "--workers", "1")
        job = fleet.job_of(submission)
        for _ in range(2):
            fleet.postgres.kill()
            time.sleep(1)
            assert submission.code is None, log_of(submission)
            fleet.postgres.start()
        assert submission.wait() == 0, log_of(submission)
        fleet.worker("--concurrency", "2")
        fleet.await_finished(job)
        agrees(fleet, expected)


def test_lines_that_are_cut_in_the_middle_of_commits_lose_and_double_nothing(
    fleet: Fleet, media: Path, expected: Rows
) -> None:
    chosen = random.Random(1)
    with CuttingProxy(fleet.server.folder) as proxy:
        through_it = {"MOODREEL_DATABASE_URL": Server(proxy.folder).url(fleet.database)}
        workers = [fleet.worker("--concurrency", "1", **through_it) for _ in range(2)]
        fleet.await_ready(*workers)
        job = fleet.job_of(fleet.submit(media, *SAMPLING, **through_it))
        left = "SELECT 1 FROM segment WHERE state NOT IN ('done', 'failed')"
        while proxy.cuts < CUTS and (fleet.rows(left) or not fleet.rows("SELECT 1 FROM segment")):
            proxy.cut(chosen.choice((Cut.BEFORE, Cut.AFTER, Cut.LATE)))
            time.sleep(chosen.uniform(0.02, 0.3))
        fleet.await_finished(job)
        for worker in workers:
            worker.kill_all()
        assert proxy.cuts > 10
    agrees(fleet, expected)
    assert set(trace(fleet).states) == {"done"}
    assert set(trace(fleet).failures) == {0}
