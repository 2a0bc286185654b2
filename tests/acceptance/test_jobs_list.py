"""`jobs` and `status`: what a program may rely on, and what people see of a job that others work on."""

import json
from pathlib import Path

import pytest

from db.fleet import FleetStore, WorkerReport
from db.store import Store
from tests.acceptance.runs import moodreel
from tests.acceptance.runs import start as run
from tests.support.dbmaking import admit, change, photo, result_of, run_all, start, unreadable


def test_a_list_for_programs_has_the_shape_of_a_status_and_no_request(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/moodreel.db", create=True) as store:
        job = start(store, name="pilot", request_json=json.dumps({"paths": ["/secret/place"]}))
        admit(store, job, photo("a.jpg"), unreadable("b.jpg"))
        run_all(store)
        store.jobs.seal(job.id)
    listed = moodreel("jobs", "--json", cwd=tmp_path)
    assert "/secret/place" not in listed.out
    (line,) = json.loads(listed.out)
    status = moodreel("status", "--json", cwd=tmp_path).summary
    assert line == {key: status[key] for key in status if key not in ("waits_for", "workers")}
    assert (line["counts"]["files"], line["counts"]["files_failed"]) == (2, 1)
    assert (status["waits_for"], status["workers"]) == (None, [])


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_fleets_job_shows_its_pace_its_workers_and_what_it_waits_for(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    job = start(store, name="pilot", request_json='{"fleet": true}')
    admit(store, job, *(photo(f"{number}.jpg", root=b"main") for number in range(6)))
    store.jobs.seal(job.id)
    store.segments.commit([result_of(one) for one in store.segments.claim("w", 60, 3)])
    change(store, "UPDATE job SET created_at = created_at - interval '1 hour'")
    change(store, "UPDATE segment SET updated_at = now() - id * interval '10 seconds' WHERE state = 'done'")
    nobody = moodreel("status", cwd=tmp_path, MOODREEL_DATABASE_URL=database_url).out
    assert "waits for a worker: none has reported within 30 s\nhint: start one: moodreel worker\n" in nobody
    assert " frames/s, " in nobody
    report = WorkerReport("host:1", "host", 1, "cpu", 2, "0", "paused", "the disk is full", "main")
    FleetStore(store.engine, store.patience_s).report(report)
    paused = moodreel("status", cwd=tmp_path, MOODREEL_DATABASE_URL=database_url).out
    assert "1 worker with 2 slots; 1 paused\n  host:1 paused: the disk is full\nwaits for a worker: every one" in paused
    status = moodreel("status", "--json", cwd=tmp_path, MOODREEL_DATABASE_URL=database_url).summary
    assert (status["state"], status["waits_for"]["code"]) == ("queued", "paused")
    assert [(one["slots"], one["roots"]) for one in status["workers"]] == [(2, ["main"])]
    assert 0 < status["frames_per_s"] < 1
    assert status["left_s"] > 3
    listed = moodreel("jobs", cwd=tmp_path, MOODREEL_DATABASE_URL=database_url).out
    assert listed.splitlines()[0].split()[-2:] == ["frames/s", "left"]
    assert listed.splitlines()[-1].split()[-1] in ("s", "min")


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_fleets_job_is_watched_until_it_is_finished_and_says_meanwhile_what_it_waits_for(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    job = start(store, request_json='{"fleet": true}')
    admit(store, job, photo("a.jpg", root=b"main"))
    store.jobs.seal(job.id)
    with run("status", "--watch", "--json", cwd=tmp_path, MOODREEL_DATABASE_URL=database_url) as watching:
        assert watching.stderr is not None
        notice = json.loads(next(line for line in watching.stderr if '"notice"' in line))
        assert notice["text"].startswith("waits for a worker: none has reported")
        run_all(store)
        out, _ = watching.communicate(timeout=60)
    assert (watching.returncode, json.loads(out)["state"]) == (0, "finished")
