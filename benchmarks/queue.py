"""How long a long queue makes people and the reaper wait: 100,000 photo segments on PostgreSQL.

    python -m benchmarks.queue [--photos N]

Four databases: all queued; as many done before them; as many of a cancelled job, and as many of somebody's embedded
run, in front of them. Each figure is the median of five. Exits with 1 when a target is missed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.photos import ROOT, admit, new_job, result_of
from benchmarks.servers import Postgres, postgres, redis
from db.claims import Reach
from db.fleet import FleetStore, WorkerReport
from db.store import Store
from workers.app import CeleryBroker, app
from workers.bell import AHEAD, PHOTOS, Bell
from workers.reaper import Reaper
from workers.settings import Settings
from workers.skills import Skills

MOST_S = 1.0
RUNS = 5
LEASE_S = 60.0
WORKERS, SLOTS = 8, 4
MARK_DONE = """
    UPDATE segment SET state = 'done', attempt = 1, updated_at = now() - random() * interval '10 minutes';
    INSERT INTO frame (media_analysis_id, pts, time_s, status, faces, faces_dropped, segment_id)
        SELECT media_analysis_id, 0, 0, 'ok', 0, 0, id FROM segment;
    UPDATE media_analysis SET segments_done = 1, frames = 1, state = 'complete', completed_at = now();
"""


@dataclass(frozen=True)
class Measured:
    """One action on one database."""

    queue: str
    action: str
    runs_s: tuple[float, ...]
    load: float
    """The machine's load average then: above the number of its cores, others took part of the time."""

    @property
    def median_s(self) -> float:
        """In seconds."""
        return statistics.median(self.runs_s)


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000, help="segments in the queue", metavar="N")
    photos = parser.parse_args().photos
    with postgres() as server, redis() as broker_url:
        measured = [one for name, url in _queues(server, photos) for one in _measure(name, url, broker_url)]
        settings = server.settings()
    verdicts = _judge(measured)
    _print(measured, verdicts)
    rows = [asdict(one) | {"median_s": round(one.median_s, 4)} for one in measured]
    figures = {"photos": photos, "measured": rows, "server": settings, "verdicts": verdicts}
    passed = all(verdicts.values())
    print(f"\nwritten to {report.write('queue', figures, passed)}")
    return 0 if passed else 1


def _queues(server: Postgres, photos: int) -> Iterator[tuple[str, str]]:
    """Each database once it is filled: its name for people, and its URL."""
    print(f"admitting {photos:,} photos, four times ...", file=sys.stderr)
    first = server.new_database("queued")
    with Store.open(first, create=True) as store:
        earlier = new_job(store, "earlier")
        admit(store, earlier, photos)
    done, cancelled = server.copy_database("queued", "done"), server.copy_database("queued", "cancelled")
    yield f"{photos:,} queued", first
    with server.connect("done") as connection:
        connection.execute(MARK_DONE.encode())
    yield f"{photos:,} done, {photos:,} queued", _with_more(done, photos)
    with Store.open(cancelled) as store:
        store.jobs.cancel(earlier.id)
    yield f"{photos:,} cancelled, {photos:,} queued", _with_more(cancelled, photos)
    embedded = server.new_database("embedded")
    with Store.open(embedded, create=True) as store:
        admit(store, new_job(store, "earlier"), photos, root=b"/home/somebody")
    yield f"{photos:,} embedded, {photos:,} queued", _with_more(embedded, photos)


def _with_more(url: str, photos: int) -> str:
    with Store.open(url) as store:
        admit(store, new_job(store, "later"), photos)
    return url


def _measure(queue: str, url: str, broker_url: str) -> Iterator[Measured]:
    print(f"{queue} ...", file=sys.stderr)
    app.settings = Settings(database_url=url, broker_url=broker_url)
    with Store.open(url) as store:
        with store.engine.begin() as connection:
            # As autovacuum does within a minute: a walk takes longer than that to find so many files, we do not.
            connection.exec_driver_sql("ANALYZE")
        fleet = FleetStore(store.engine, store.patience_s)
        for number in range(WORKERS):
            fleet.report(WorkerReport(f"w{number}", "host", number, "cpu", SLOTS, "0", "working", roots=ROOT.decode()))
        for action, act in _actions(store, fleet, url, broker_url).items():
            yield Measured(queue, action, tuple(_timed(act) for _ in range(RUNS)), round(os.getloadavg()[0], 1))


def _actions(store: Store, fleet: FleetStore, url: str, broker_url: str) -> dict[str, Callable[[], object]]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MOODREEL_")}
    environment |= {"MOODREEL_DATABASE_URL": url, "MOODREEL_BROKER_URL": broker_url}
    moodreel = Path(sys.executable).with_name("moodreel")

    def command(name: str) -> None:
        subprocess.run([moodreel, name], env=environment, check=True, stdout=subprocess.DEVNULL)

    def work() -> None:
        claimed = store.segments.claim("benchmark", LEASE_S, PHOTOS, reach=Reach((ROOT,)))
        store.segments.commit([result_of(one) for one in claimed])

    reaper = Reaper(store, Bell(fleet, Skills(fleet), CeleryBroker()))
    return {
        "moodreel status": lambda: command("status"),
        "moodreel jobs": lambda: command("jobs"),
        "reaper's tick": reaper.tick,
        "  expire": store.segments.expire,
        "  due": lambda: fleet.due(AHEAD * WORKERS * SLOTS, PHOTOS),
        "  forget bells": fleet.forget_bells,
        "  finish jobs": fleet.finish_jobs,
        f"claim and commit of {PHOTOS}": work,
    }


def _timed(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return round(time.monotonic() - started, 4)


def _judge(measured: list[Measured]) -> dict[str, bool]:
    """The targets, in words, and whether each was met."""
    return {f"{one.action.strip()} with {one.queue}: under {MOST_S:.0f} s": one.median_s < MOST_S for one in measured}


def _print(measured: list[Measured], verdicts: dict[str, bool]) -> None:
    print(f"{'queue':<34}{'action':<26}{'median s':>10}{'load':>6}   each run")
    for one in measured:
        each = ", ".join(f"{seconds:.3f}" for seconds in one.runs_s)
        print(f"{one.queue:<34}{one.action:<26}{one.median_s:>10.3f}{one.load:>6}   {each}")
    report.show(verdicts, all_of_them=False)


if __name__ == "__main__":
    sys.exit(main())
