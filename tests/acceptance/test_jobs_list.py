"""`jobs` and `status`: what a program may rely on, and what people see of a job that others work on."""

import json
from pathlib import Path

import pytest

from db.call_records import CallOpening, Receipt
from db.fleet import FleetStore, WorkerReport
from db.ledger import LedgerStore
from db.states import CallOutcome
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
    assert line == {key: status[key] for key in status if key not in ("stop_reason", "bill", "waits_for", "workers")}
    assert (line["counts"]["files"], line["counts"]["files_failed"]) == (2, 1)
    assert (status["waits_for"], status["workers"]) == (None, [])
    assert (status["stop_reason"], status["bill"]) == (None, None)


def test_what_was_spent_on_a_service_is_shown_and_why_a_job_stopped(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/moodreel.db", create=True) as store:
        job = start(store, name="pilot", max_calls=3)
        admit(store, job, photo("a.jpg"))
        store.jobs.seal(job.id)
        ledger = LedgerStore(store.engine, store.patience_s)
        openings = [CallOpening(str(number), job.id, "azure", 9, number, 0.001) for number in range(3)]
        first, second, third = ledger.open_calls(openings)
        assert first is not None
        assert second is not None
        assert third is not None
        answered = Receipt(first, CallOutcome.ANSWERED, 200, 1, 0.001, 0.2, "id")
        ledger.close_calls([answered, Receipt(second, CallOutcome.THROTTLED, 429, 0, 0.0, 0.1, None)])
        ledger.lose_open(None)
        store.jobs.stop(job.id, "its budget of 3 calls is spent")
    shown = moodreel("status", cwd=tmp_path).out
    assert shown.splitlines()[0].startswith(f"job {job.id[-8:]} (pilot): stopped (budget), created ")
    assert (
        "calls: 3 of at most 3 (2 retried, 1 refused for the rate), 2 transactions, about 0.002 USD; "
        "1 call may have been billed without a result\n"
        "stopped: its budget of 3 calls is spent\n"
        f"hint: moodreel resume {job.id[-8:]} --max-calls N\n"
    ) in shown
    told = moodreel("status", "--watch", "--json", cwd=tmp_path)
    assert (told.summary["state"], told.summary["stop_reason"]) == (
        "stopped (budget)",
        "its budget of 3 calls is spent",
    )
    assert (told.summary["bill"]["calls"], told.summary["bill"]["max_calls"]) == (3, 3)
    assert "stopped (budget)" in moodreel("jobs", cwd=tmp_path).out


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
