"""A fleet that calls a service: budgets and bills hold over all its workers, whichever of them dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.fleets import adds_up
from tests.services.azure import AzureRules, AzureStandIn
from tests.services.pairs import CANARY
from tests.support.crews import wait_until_gone
from tests.support.fleet import Fleet
from tests.support.programs import Program

FACES = 12
ASKED = ("--scorer", "azure", "--every", "250ms", "--pack", "1", "--quiet")
SCORED = "SELECT count(*), count(dominant) FROM emotions"
CALLS = "SELECT outcome, count(*) FROM api_call GROUP BY 1"
API = ("--queue", "api", "--concurrency", "2")


@pytest.fixture
def folder(twelve: Path) -> Path:
    """What the fleet works on."""
    return twelve


@contextmanager
def service(fleet: Fleet, **rules: Any) -> Iterator[AzureStandIn]:
    """A service that every program of a fleet can call."""
    with AzureStandIn(AzureRules(keys=(CANARY,), **rules)) as server:
        fleet.settings |= {"MOODREEL_AZURE_ENDPOINT": server.url, "MOODREEL_AZURE_KEY": CANARY}
        yield server


def submitted(fleet: Fleet, folder: Path, *options: str) -> str:
    """The job of a folder that is submitted, walk and all."""
    return fleet.run("submit", folder, *ASKED, *options).strip()


def killed(fleet: Fleet, worker: Program) -> int:
    """SIGKILL of a worker; how many calls it leaves of which nobody will hear."""
    worker.freeze()
    family = [child.pid for child in worker.family]
    worker.kill()
    wait_until_gone(family)
    return dict(fleet.rows(CALLS)).get("open", 0)  # type: ignore[arg-type,return-value]


def test_a_worker_that_is_killed_has_at_most_what_it_had_under_way_paid_twice(fleet: Fleet, folder: Path) -> None:
    with service(fleet, latency_s=0.4) as server:
        job = submitted(fleet, folder)
        under_way = 0
        for _ in range(2):
            before = server.book.calls
            worker = fleet.worker(*API)
            fleet.await_true(lambda before=before: server.book.calls >= before + 3, "nobody calls")  # type: ignore[misc]
            under_way = killed(fleet, worker)
        fleet.worker(*API)
        fleet.await_finished(job)
        adds_up(fleet)
        assert fleet.rows(SCORED) == [(FACES, FACES)]
        ended = dict(fleet.rows(CALLS))
        assert ended["answered"] == FACES
        assert 0 < under_way == sum(int(str(number)) for number in ended.values()) - FACES
        assert server.book.transactions - FACES <= under_way
        assert f"{under_way} " in fleet.run("status", job)


def test_a_child_of_a_worker_that_is_killed_has_nothing_paid_twice(fleet: Fleet, folder: Path) -> None:
    with service(fleet, latency_s=0.4) as server:
        worker = fleet.worker(*API)
        job = submitted(fleet, folder)
        fleet.await_true(lambda: server.book.calls >= 1, "nobody calls")
        fleet.kill_a_child(worker)
        fleet.await_finished(job)
        assert fleet.rows(SCORED) == [(FACES, FACES)]
        assert dict(fleet.rows(CALLS)) == {"answered": FACES}
        assert server.book.transactions == FACES


def test_a_budget_holds_over_all_workers_and_what_was_paid_is_kept_when_it_is_raised(
    fleet: Fleet, folder: Path
) -> None:
    with service(fleet, latency_s=0.1) as server:
        workers = [fleet.worker(*API) for _ in range(2)]
        fleet.await_ready(*workers)
        job = submitted(fleet, folder, "--max-calls", "7")
        fleet.await_rows("SELECT 1 FROM job WHERE id = %s AND stop_reason IS NOT NULL", job)
        assert "--max-calls" in fleet.run("status", job)
        assert server.book.calls == 7
        fleet.run("resume", job, "--max-calls", "100", "--quiet")
        fleet.await_finished(job)
        assert fleet.rows(SCORED) == [(FACES, FACES)]
        assert server.book.transactions == FACES
        assert [worker.stop() for worker in workers] == [0, 0]


def test_a_key_that_is_refused_is_said_by_status_and_costs_no_segment_anything(fleet: Fleet, folder: Path) -> None:
    with service(fleet, always="echo-key") as server:
        fleet.worker(*API)
        job = submitted(fleet, folder)
        fleet.await_rows("SELECT 1 FROM worker WHERE note LIKE %s", "%azure cannot be called%")
        assert server.book.calls == 1
        assert fleet.rows("SELECT sum(failures), sum(expiries) FROM segment") == [(0, 0)]
        assert "azure cannot be called" in fleet.run("status", job)
