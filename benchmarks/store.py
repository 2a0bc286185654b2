"""How many photo segments a second the store hands out and takes back: claim and commit, each row with its own fence.

    python -m benchmarks.store [--quick]

Every claimer is a process of its own that claims and commits as a worker's desk does: one segment, then 15 more photos,
then one commit of all 16 with a face each. Exits with 1 when a target is missed.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from multiprocessing.synchronize import Barrier
from typing import Any

import sqlalchemy as sa

from benchmarks import report
from benchmarks.photos import admit, new_job, result_of
from benchmarks.servers import Postgres, postgres
from db.engine import reading
from db.schema import face, frame, segment
from db.store import Store

LEAST_PER_S = 300
CLAIMERS = 8
BATCH = 16
LEASE_S = 60.0
ROUNDS = 3
CONTESTANTS = (("postgresql", 8), ("postgresql", 4), ("postgresql", 1), ("sqlite", 1))
_spawned = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Measured:
    """One round of one contestant."""

    database: str
    claimers: int
    segments: int
    wall_s: float

    @property
    def per_s(self) -> float:
        """Segments a second."""
        return self.segments / self.wall_s


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer photos, for a smoke test")
    photos = 640 if parser.parse_args().quick else 4800
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder, postgres() as server:
        urls = {"sqlite": f"sqlite:///{folder}/moodreel.db", "postgresql": server.new_database("store")}
        measured = list(_measure_all(urls, photos))
        verdicts = _judge(measured) | {"every segment was committed once": all(map(_is_whole, urls.values()))}
        figures = _figures(measured, verdicts, server)
    _print(measured, verdicts)
    passed = all(verdicts.values())
    print(f"\nwritten to {report.write('store', figures, passed)}")
    return 0 if passed else 1


def _measure_all(urls: dict[str, str], photos: int) -> Iterator[Measured]:
    """In turns, so that a slow minute of the machine hits all alike."""
    for url in urls.values():
        Store.open(url, create=True).close()
    for number in range(ROUNDS):
        for database, claimers in CONTESTANTS:
            name = f"{database}-{claimers}-{number}"
            print(f"{name} ...", file=sys.stderr)
            with Store.open(urls[database]) as store:
                admit(store, new_job(store, name), photos)
            yield Measured(database, claimers, photos, _race(urls[database], claimers))


def _race(url: str, claimers: int) -> float:
    """Seconds until the last commit, from the moment all were ready."""
    ready = _spawned.Barrier(claimers + 1)
    ends = _spawned.Array("d", claimers)
    processes = [_spawned.Process(target=_work, args=(url, number, ready, ends)) for number in range(claimers)]
    for process in processes:
        process.start()
    ready.wait()
    started = time.monotonic()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError("a claimer failed; its error is above")
    return max(ends) - started  # one clock for all processes of a machine


def _work(url: str, number: int, ready: Barrier, ends: Any) -> None:
    owner = f"benchmark:{number}"
    with Store.open(url) as store:
        store.segments.claim(owner, LEASE_S, 1, ids=[-1])  # a connection is open, statements are compiled
        ready.wait()
        while claimed := store.segments.claim(owner, LEASE_S, 1, photos=BATCH - 1):
            outcomes = store.segments.commit([result_of(one) for one in claimed])
            if not all(outcome.accepted for outcome in outcomes):
                raise RuntimeError("an outcome was refused")
            ends[number] = time.monotonic()


def _judge(measured: list[Measured]) -> dict[str, bool]:
    """The target, in words, and whether it was met."""
    rate = _median(measured, "postgresql", CLAIMERS)
    target = f"{rate:.0f} segments/s on PostgreSQL with {CLAIMERS} claimers, {LEAST_PER_S} at least"
    return {target: rate >= LEAST_PER_S}


def _median(measured: list[Measured], database: str, claimers: int) -> float:
    return statistics.median(one.per_s for one in measured if (one.database, one.claimers) == (database, claimers))


def _is_whole(url: str) -> bool:
    """Everything is done, at the first attempt, with a frame and a face each."""
    undone = sa.select(sa.func.count()).where((segment.c.state != "done") | (segment.c.attempt != 1))
    counts = [sa.select(sa.func.count()).select_from(table) for table in (segment, frame, face)]
    with Store.open(url) as store, reading(store.engine) as connection:
        numbers = {connection.execute(count).scalar_one() for count in counts}
        return len(numbers) == 1 and connection.execute(undone).scalar_one() == 0


def _figures(measured: list[Measured], verdicts: dict[str, bool], server: Postgres) -> dict[str, object]:
    rounds = [asdict(one) | {"segments_per_s": round(one.per_s, 1)} for one in measured]
    medians = [
        {"database": database, "claimers": claimers, "segments_per_s": round(_median(measured, database, claimers), 1)}
        for database, claimers in CONTESTANTS
    ]
    return {"medians": medians, "rounds": rounds, "server": server.settings(), "verdicts": verdicts}


def _print(measured: list[Measured], verdicts: dict[str, bool]) -> None:
    print(f"{'database':<12}{'claimers':>9}{'segments':>10}{'segments/s':>12}   each round")
    for database, claimers in CONTESTANTS:
        rounds = [one for one in measured if (one.database, one.claimers) == (database, claimers)]
        each = ", ".join(f"{one.per_s:.0f}" for one in rounds)
        print(f"{database:<12}{claimers:>9}{rounds[0].segments:>10}", end="")
        print(f"{_median(measured, database, claimers):>12.0f}   {each}")
    report.show(verdicts)


if __name__ == "__main__":
    sys.exit(main())
