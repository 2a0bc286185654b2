"""What is seen of jobs that others work on: real submitters that live and die, a real broker that comes and goes."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from db.clock import now
from db.engine import writing
from db.fleet import FleetStore, WorkerReport
from db.records import ClaimedSegment, JobRecord
from db.schema import job, segment
from db.states import SegmentState
from db.store import Store
from jobs.broker import unreachable
from jobs.looking import Lookout
from jobs.status import Wait
from tests.support.dbmaking import admit, photo, result_of, start, video
from tests.support.programs import Programs
from tests.support.redis import RedisServer, free_port

FLEET = '{"fleet": true}'
server_only = pytest.mark.parametrize("backend", ["postgresql"])


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with Programs() as programs:
        yield RedisServer(programs, append_only=False)


def submitted(store: Store, number: int = 1, **changes: str) -> JobRecord:
    return start(store, number, **{"request_json": FLEET, "submitter": "elsewhere:1"} | changes)


def silent_for(store: Store, seconds: float) -> None:
    said = sa.update(job).values(submitter_seen_at=now(-seconds))
    writing(store.engine, lambda connection: connection.execute(said))


@server_only
def test_a_submitter_that_was_killed_is_seen_to_be_gone_at_once(store: Store) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as walking:
        made = submitted(store, submitter=f"{socket.gethostname()}:{walking.pid}")
        lookout = Lookout(store, "redis://nowhere")
        assert lookout.at(made.id).state == "discovering"
        walking.kill()
        walking.wait()
        assert lookout.at(made.id).state == "discovering (interrupted)"
        assert [one.state for one in lookout.listing(None)] == ["discovering (interrupted)"]


@server_only
def test_a_submitter_elsewhere_is_gone_once_it_has_been_silent(store: Store) -> None:
    made = submitted(store)
    lookout = Lookout(store, "redis://nowhere")
    assert lookout.at(made.id).state == "discovering"
    silent_for(store, 20)
    assert lookout.at(made.id).state == "discovering (interrupted)"
    assert lookout.listing(None)[0].state == "discovering (interrupted)"


@server_only
def test_what_a_job_waits_for_is_said_in_the_order_of_what_must_be_mended_first(
    store: Store, redis: RedisServer
) -> None:
    fleet = FleetStore(store.engine, store.patience_s)
    made, other = submitted(store), submitted(store, 2)
    admit(store, made, photo("a.jpg", root=b"main"))
    store.jobs.seal(made.id)
    lookout, down = Lookout(store, redis.url), Lookout(store, f"redis://:secret@127.0.0.1:{free_port()}/0")

    def wait_of(which: Lookout = lookout) -> Wait:
        found = which.at(made.id).waits_for
        assert found is not None
        return found

    assert wait_of().code == "worker"
    report = WorkerReport("host:1", "host", 1, "cpu", 2, "0", "paused", "the disk is full", "other")
    fleet.report(report)
    assert "the disk is full" in wait_of().reason
    fleet.report(WorkerReport("host:1", "host", 1, "cpu", 2, "0", "working", roots="other"))
    assert wait_of().code == "root"
    fleet.report(WorkerReport("host:1", "host", 1, "cpu", 2, "0", "working", roots="other,main"))
    assert wait_of(down).code == "broker"
    assert "secret" not in wait_of(down).reason
    (claimed,) = store.segments.claim("w", 60, 1)
    assert lookout.at(made.id).waits_for is None
    store.segments.give_back([claimed.fence], delay_s=300)
    assert wait_of().code == "retry"
    store.segments.give_back([one.fence for one in claim_anyway(store)])
    assert wait_of().reason == "it is next"
    admit(store, other, photo("b.jpg", root=b"main"))
    assert lookout.at(made.id).state == "queued"
    store.jobs.cancel(made.id)
    assert lookout.at(made.id).waits_for is None


def claim_anyway(store: Store) -> list[ClaimedSegment]:
    at_once = sa.update(segment).where(segment.c.state == SegmentState.QUEUED).values(not_before=None)
    writing(store.engine, lambda connection: connection.execute(at_once))
    return list(store.segments.claim("w", 60, 9))


@server_only
def test_a_worker_or_a_reaper_that_does_not_reach_the_broker_is_believed(store: Store, redis: RedisServer) -> None:
    fleet = FleetStore(store.engine, store.patience_s)
    made = submitted(store)
    admit(store, made, photo("a.jpg", root=b"main"))
    fleet.report(WorkerReport("host:1", "host", 1, "cpu", 2, "0", "working", roots="main"))
    complaint = "it lacks something; the broker redis://there cannot be reached: no route"
    fleet.report(WorkerReport("host:2", "host", 2, "reaper", 0, "0", "working", complaint))
    found = Lookout(store, redis.url).at(made.id)
    assert found.waits_for is not None
    assert (found.waits_for.code, found.waits_for.reason) == ("broker", "redis://there cannot be reached: no route")
    assert [one.id for one in found.workers] == ["host:1"]


def test_an_embedded_job_waits_for_nobody_and_has_no_workers(store: Store) -> None:
    made = start(store)
    admit(store, made, photo("a.jpg"))
    store.jobs.seal(made.id)
    found = Lookout(store, "redis://nowhere").at(made.id)
    assert (found.waits_for, found.workers) == (None, ())
    assert found.state == ("queued" if store.file is None else "interrupted")


def test_the_pace_is_that_of_everybody_and_older_where_segments_take_minutes(store: Store) -> None:
    made = start(store)
    admit(store, made, video("a.mp4", segments=8))
    store.jobs.seal(made.id)
    writing(store.engine, lambda connection: connection.execute(sa.update(job).values(created_at=now(-7200))))
    first, second, third = store.segments.claim("w", 60, 3)
    lookout = Lookout(store, "redis://nowhere")

    def commit(claimed: ClaimedSegment, seconds: float) -> None:
        store.segments.commit([result_of(claimed)])
        moved = sa.update(segment).where(segment.c.id == claimed.fence.segment_id)
        writing(store.engine, lambda connection: connection.execute(moved.values(updated_at=now(-seconds))))

    commit(first, 400.0)
    commit(second, 200.0)
    slow = lookout.at(made.id)
    assert slow.pace is not None
    assert slow.pace.frames_per_s == pytest.approx(10 / 400, rel=0.02)
    assert slow.left_s == pytest.approx(60 / slow.pace.frames_per_s)
    (line,) = lookout.listing(None)
    assert line.pace is not None
    assert line.line_json()["frames_per_s"] == round(line.pace.frames_per_s, 2)
    commit(third, 20.0)
    idle = lookout.at(made.id)  # nobody works on it now, and a minute saw one commit
    assert (idle.pace, idle.left_s) == (None, None)


def test_a_broker_is_reached_or_not_and_its_password_is_never_shown(redis: RedisServer) -> None:
    assert unreachable(redis.url) is None
    assert unreachable(redis.url.replace("redis://:", "redis://default:")) is None
    assert unreachable("sentinel://:hunter2@somewhere") is None  # nobody can tell
    wrong = redis.url.replace(redis.password, "hunter2")
    for url in (wrong, f"rediss://me:hunter2@127.0.0.1:{free_port()}/0?password=hunter2", "redis://:hunter2@x:none"):
        reason = unreachable(url)
        assert reason is not None
        assert "hunter2" not in reason
