"""Jobs that are cancelled, workers that are told to go: what was in hand is finished or goes back, free of charge."""

import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.acceptance.fleets import Rows, Trace, agrees, trace
from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import clean_environment
from tests.support.crews import wait_until_gone
from tests.support.fleet import Fleet
from tests.support.programs import Program
from tests.support.strangers import GARBAGE

EVERY_FRAME = "--every-frame"
SOON_S = 30.0
"""What should take a few seconds, on a machine that has other things to do."""
LEAVING_S = 60.0
"""A worker may take 20 seconds to finish what it has in hand."""
AT_ONCE_S = 15.0
"""A moment, on such a machine, and yet less than those 20 seconds."""
RUNNING = "SELECT 1 FROM segment WHERE state = 'running' AND targets >= 250 HAVING count(*) = %s"
OF_FILE = """
    SELECT s.state, s.attempt, s.failures, s.expiries FROM segment s
    JOIN media_analysis a ON a.id = s.media_analysis_id JOIN media m ON m.id = a.media_id WHERE m.path = %s
"""
HEARTBEATS = "moodreel:/0.celeryev/worker.heartbeat"
STATE = "SELECT state FROM worker WHERE pid = %s"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, and two clips that take a while."""
    made = tmp_path_factory.mktemp("media")
    write_photo(made / "a.jpg", 1)
    write_clip(made / "own.mp4", 2, seconds=10)
    write_clip(made / "shared.mp4", 3, seconds=10)
    return made


def hold(fleet: Fleet, worker: Program, clips: int) -> list[psutil.Process]:
    """Freeze the children of a worker while each has one of the long clips in hand."""
    fleet.await_rows(RUNNING, clips)
    fleet.await_true(lambda: len(worker.family) == clips, "a clip was claimed, and no child has it")
    children = worker.family
    for child in children:
        child.suspend()
    assert fleet.rows(RUNNING, clips), "it was quicker than we"
    assert len(children) == clips
    return children


def test_what_nobody_else_wants_of_a_cancelled_job_is_stopped_and_taken_up_again(
    fleet: Fleet, folder: Path, expected: Rows
) -> None:
    job = fleet.run("submit", folder, EVERY_FRAME, "--quiet").strip()
    other = fleet.run("submit", folder / "shared.mp4", EVERY_FRAME, "--quiet").strip()
    worker = fleet.worker("--concurrency", "2")
    children = hold(fleet, worker, 2)
    fleet.run("cancel", job)
    fleet.await_rows(f"{OF_FILE} AND s.state = 'queued'", "own.mp4", timeout_s=SOON_S)
    [left] = [child for child in children if child in worker.family]
    assert fleet.rows(OF_FILE, "shared.mp4") == [("running", 1, 0, 0)]
    left.resume()
    fleet.await_finished(other)
    assert fleet.rows(OF_FILE, "shared.mp4") == [("done", 1, 0, 0)]
    assert fleet.rows(OF_FILE, "own.mp4") == [("queued", 1, 0, 0)]
    assert "action=work-abandoned" in worker.log.read_text("utf-8")
    fleet.run("resume", job)
    fleet.await_finished(job)
    assert fleet.rows(OF_FILE, "own.mp4") == [("done", 2, 0, 0)]
    agrees(fleet, expected)
    assert worker.stop() == 0


def test_a_worker_that_is_asked_to_end_finishes_what_it_can_and_gives_back_the_rest(
    fleet: Fleet, folder: Path, expected: Rows
) -> None:
    first = fleet.worker("--concurrency", "2")
    job = fleet.run("submit", folder, EVERY_FRAME, "--quiet").strip()
    family = hold(fleet, first, 2)
    first.send(signal.SIGTERM)
    family[0].resume()
    assert first.wait(LEAVING_S) == 0
    wait_until_gone([child.pid for child in family])
    assert fleet.rows(STATE, first.pid) == [("gone",)]
    seen = trace(fleet)
    assert sorted(seen.states) == ["done", "done", "queued"]
    assert_nothing_is_charged(seen)
    assert set(seen.attempts) == {1}
    fleet.worker("--concurrency", "2")
    fleet.await_finished(job)
    agrees(fleet, expected)
    assert sorted(trace(fleet).attempts) == [1, 1, 2]


def test_a_worker_that_is_told_twice_ends_at_once_and_celery_starts_one_as_well(
    fleet: Fleet, folder: Path, expected: Rows
) -> None:
    job = fleet.run("submit", folder, EVERY_FRAME, "--quiet").strip()
    for told in ((signal.SIGTERM, signal.SIGQUIT), (signal.SIGINT, signal.SIGINT)):
        worker = fleet.worker("--concurrency", "2")
        family = hold(fleet, worker, 2)
        tell(fleet, worker, *told)
        wait_until_gone([child.pid for child in family])
        assert fleet.rows(STATE, worker.pid) == [("gone",)]
        seen = trace(fleet)
        assert sorted(seen.states) == ["done", "queued", "queued"]
        assert_nothing_is_charged(seen)
    celery = [Path(sys.executable).with_name("celery"), "-A", "workers.app", "worker"]
    environment = clean_environment(**fleet.settings, MOODREEL_WORKERS="2")
    worker = fleet.programs.start("celery", celery, env=environment)
    with fleet.redis.client() as client:  # a worker of Celery's own making hears what others say of themselves, too
        fleet.await_true(lambda: client.publish(HEARTBEATS, b"{}") == 1, "it does not listen")
        for text in GARBAGE:
            client.publish(HEARTBEATS, text)
    fleet.await_finished(job)
    agrees(fleet, expected)
    assert sorted(trace(fleet).attempts) == [1, 3, 3]
    assert_nothing_is_charged(trace(fleet))
    assert "concurrency: 2 (thread)" in worker.out.read_text("utf-8")
    assert fleet.rows("SELECT queues, concurrency FROM worker WHERE pid = %s", worker.pid) == [("cpu,api", 2)]
    assert worker.stop() == 0
    assert fleet.rows(STATE, worker.pid) == [("gone",)]


def tell(fleet: Fleet, worker: Program, first: int, second: int) -> None:
    """Ask a worker to end, and when it has understood, not to wait."""
    worker.send(first)
    fleet.await_true(lambda: "Warm shutdown" in worker.out.read_text("utf-8"), "it has not understood", SOON_S)
    assert worker.code is None
    worker.send(second)
    worker.wait(AT_ONCE_S)


def assert_nothing_is_charged(seen: Trace) -> None:
    """That no segment failed and no lease ran out."""
    assert sum(seen.failures) == 0
    assert sum(seen.expiries) == 0
