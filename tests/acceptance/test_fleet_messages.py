"""Messages that come twice, from strangers, or ask for what this version cannot do: they change no row."""

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.fleets import Rows, agrees, trace
from tests.acceptance.folders import write_clip, write_photo
from tests.support.fleet import Fleet
from tests.support.strangers import GARBAGE, bell, misshapen, of_celery_itself, pickled, unpacked
from workers.doorman import TASK

EVERY_FRAME = "--every-frame"
KEY = "moodreel:cpu"
OF_JOB = """
    SELECT s.state, s.attempt, count(*) FROM segment s
    JOIN job_file f ON f.media_analysis_id = s.media_analysis_id WHERE f.job_id = %s GROUP BY 1, 2
"""
KEPT = "moodreel:refused"
CONTROL = "moodreel:/0.celery.pidbox"
REFUSED = "action=message-refused"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More photos than one bell names, and clips."""
    made = tmp_path_factory.mktemp("media")
    for number in range(20):
        write_photo(made / f"{number:02}.jpg", number)
    for number in range(6):
        write_clip(made / f"{number:02}.mp4", number, seconds=1)
    return made


def submitted(fleet: Fleet, folder: Path, *options: str) -> str:
    """A job, once all of its files are known."""
    return fleet.run("submit", folder, *options, "--quiet").strip()


def test_bells_that_come_many_times_in_any_order_change_nothing(fleet: Fleet, folder: Path, expected: Rows) -> None:
    shuffle = random.Random(6).shuffle
    job = submitted(fleet, folder, EVERY_FRAME)
    with fleet.redis.client() as client:
        bells = client.lrange(KEY, 0, -1)
        assert len(bells) > 2

        def ring_again() -> None:
            """The same messages, by the same tags, twice; then some that name what they named in another order."""
            again = [*bells, *bells, *map(reordered, bells)]
            shuffle(again)
            client.rpush(KEY, *again)

        ring_again()
        workers = [fleet.worker("--concurrency", "1") for _ in range(2)]
        fleet.await_rows("SELECT 1 FROM segment WHERE state = 'done' LIMIT 1")
        ring_again()
        fleet.await_finished(job)
        ring_again()
        fleet.await_true(lambda: not client.llen(KEY) and not client.hlen("moodreel:unacked"), "bells were left over")
    agrees(fleet, expected)
    seen = trace(fleet)
    assert set(seen.states) == {"done"}
    assert set(seen.attempts) == {1}
    assert not any(REFUSED in worker.log.read_text("utf-8") for worker in workers)
    assert [worker.stop() for worker in workers] == [0, 0]


def reordered(raw: bytes) -> bytes:
    """A bell that names the same segments the other way round, and is another message."""
    return json.dumps(bell(*reversed(unpacked(json.loads(raw))[1]["segment_ids"]))).encode()


def test_what_strangers_write_is_refused_and_never_done(
    fleet: Fleet, folder: Path, expected: Rows, tmp_path: Path
) -> None:
    deed = tmp_path / "deed"
    strange = misshapen() | of_celery_itself() | pickled(deed)
    worker = fleet.worker("--concurrency", "2")
    fleet.await_true(lambda: " ready." in worker.log.read_text("utf-8"), "the worker does not listen")
    texts = [*GARBAGE, *(json.dumps(message).encode() for message in strange.values())]
    with fleet.redis.client() as client:
        client.lpush(KEY, *texts)
        fleet.await_true(lambda: refusals(worker.log) == len(texts), "not all were refused")
        fleet.await_true(lambda: client.llen(KEPT) == len(texts), "not all were kept")
        kept = [json.loads(text) for text in client.lrange(KEPT, 0, -1)]
        assert all(one["reason"] for one in kept)
        assert any(one["message"] == "not JSON" for one in kept)
        assert any(TASK in one["message"] for one in kept)
        for text in texts:
            fleet.await_true(lambda what=text: client.publish(CONTROL, what) == 1, "it no longer listens")
        job = submitted(fleet, folder, EVERY_FRAME)
        fleet.await_finished(job)
        fleet.await_true(lambda: not client.llen(KEY) and not client.hlen("moodreel:unacked"), "messages were left")
    assert not deed.exists()
    agrees(fleet, expected)
    assert set(trace(fleet).attempts) == {1}
    assert "Unrecoverable" not in worker.log.read_text("utf-8")
    assert worker.stop() == 0


def refusals(log: Path) -> int:
    """How many messages a worker says to have refused."""
    return log.read_text("utf-8").count(REFUSED)


def test_a_worker_knows_no_task_but_ours() -> None:
    from workers.app import app

    app.finalize()
    app.loader.import_default_modules()
    assert set(app.tasks) == {TASK}


def test_what_another_version_asks_for_is_left_alone_while_the_rest_is_done(
    fleet: Fleet, folder: Path, expected: Rows
) -> None:
    newer = submitted(fleet, folder, "--every", "500ms")
    rewrite_analyses(fleet, newer, lambda spec: spec.update(pipeline_revision=spec["pipeline_revision"] + 1))
    other = submitted(fleet, folder, "--every", "250ms")
    rewrite_analyses(fleet, other, lambda spec: spec["detector"].update(model_sha256="0" * 64))
    fine = submitted(fleet, folder, EVERY_FRAME)
    worker = fleet.worker("--concurrency", "2")
    fleet.await_finished(fine)
    agrees(fleet, expected)
    for job, reason in {
        newer: "asks for revision",
        other: "another version of yunet",
    }.items():
        assert reason in worker.log.read_text("utf-8").partition("action=analysis-refused")[2]
        fleet.await_rows("SELECT 1 FROM worker WHERE note LIKE %s", f"%{reason}%")
        assert fleet.rows(OF_JOB, job) == [("queued", 0, 26)]
        status = json.loads(fleet.run("status", job, "--json"))
        assert status["state"] == "queued"
        assert status["waits_for"]["code"] == "version"
        assert reason in status["waits_for"]["reason"]
    assert "waits for a worker that can do its analysis" in fleet.run("status", newer)


def rewrite_analyses(fleet: Fleet, job: str, change: Callable[[dict[str, Any]], None]) -> None:
    """What a job asks for becomes what a program of another version would have asked for."""
    asked = "SELECT a.id, spec_json FROM analysis a JOIN job j ON a.id IN (video_analysis_id, photo_analysis_id)"
    for number, text in fleet.rows(f"{asked} WHERE j.id = %s", job):
        spec = json.loads(str(text))
        change(spec)
        written = json.dumps(spec, sort_keys=True, separators=(",", ":"))
        fingerprint = hashlib.sha256(written.encode()).hexdigest()
        update = (
            "UPDATE analysis SET spec_json = %s, fingerprint = %s, pipeline_revision = %s WHERE id = %s RETURNING id"
        )
        assert fleet.rows(update, written, fingerprint, spec["pipeline_revision"], number)


def test_nobody_works_on_a_database_of_a_newer_version(fleet: Fleet, folder: Path) -> None:
    fleet.rows("UPDATE alembic_version SET version_num = '9999' RETURNING 1")
    for program in (fleet.worker(), fleet.reaper(), fleet.submit(folder)):
        assert program.wait() == 2
        said = program.log.read_text("utf-8")
        assert "written by a newer Moodreel (schema 9999)" in said
        assert "hint: upgrade this one" in said
        assert "Traceback" not in said
    assert fleet.rows("SELECT 1 FROM worker") == []
