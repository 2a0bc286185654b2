"""What it costs to be distributed: the same videos by an embedded run and by a fleet on this machine, in turn.

    python -m benchmarks.fleet [--quick]

Exits with 1 when the fleet takes more than 1.15 times as long, wall time, from the command to the last commit. Both
have as many children, cold at the start; the fleet's servers are real and sync their disks.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from benchmarks import report
from benchmarks.clips import Recipe, encode, repeat
from benchmarks.servers import Postgres, postgres, redis
from db.fleet import FleetStore
from db.store import Store

MOST_RATIO = 1.15
ROUNDS = 3
SAMPLING = ("--every", "200ms")
HD = Recipe("hd", "libx264", size=(1920, 1080))
GIVE_UP_S = 600.0


@dataclass(frozen=True)
class Round:
    """One round: seconds of wall time for each contestant, and what each analysed."""

    embedded_s: float
    fleet_s: float
    frames: int

    @property
    def ratio(self) -> float:
        """The fleet's time over the embedded one's."""
        return self.fleet_s / self.embedded_s


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, for a smoke test")
    rounds = 1 if parser.parse_args().quick else ROUNDS
    measured = []
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder, postgres() as server, redis() as broker:
        media = _videos(Path(folder))
        bench = Contest(media, server, broker)
        for number in range(rounds):
            measured.append(bench.round(number))
            print(_line(measured[-1]), flush=True)
    ratio = statistics.median(one.ratio for one in measured)
    passed = ratio <= MOST_RATIO
    print(f"median: the fleet takes {ratio:.3f} times as long; at most {MOST_RATIO}: {'ok' if passed else 'MISSED'}")
    print(f"written to {report.write('fleet', [asdict(one) for one in measured], passed)}")
    return 0 if passed else 1


class Contest:
    """The two contestants, over the same folder."""

    def __init__(self, media: Path, server: Postgres, broker: str) -> None:
        self._media = media
        self._server = server
        self._broker = broker
        self._numbers = count()

    def round(self, number: int) -> Round:
        """Both once; who begins alternates."""
        if number % 2:
            fleet_s, frames = self._fleet()
            embedded_s, same = self._embedded()
        else:
            embedded_s, same = self._embedded()
            fleet_s, frames = self._fleet()
        assert frames == same > 0, f"the fleet analysed {frames} frames, the embedded run {same}"
        return Round(embedded_s, fleet_s, frames)

    def _embedded(self) -> tuple[float, int]:
        with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder:
            url = f"sqlite:///{folder}/moodreel.db"
            began = time.monotonic()
            command = ["run", str(self._media), *SAMPLING, "--quiet"]
            subprocess.run(_moodreel(*command), env=_environment(MOODREEL_DATABASE_URL=url), check=True)
            took_s = time.monotonic() - began
            with Store.open(url) as store:
                return took_s, store.jobs.counts(store.jobs.find("latest").id).frames

    def _fleet(self) -> tuple[float, int]:
        url = self._server.new_database(f"fleet_{next(self._numbers)}")
        environment = _environment(
            MOODREEL_DATABASE_URL=url,
            MOODREEL_BROKER_URL=self._broker,
            MOODREEL_MEDIA_ROOTS=f"main={self._media}",
        )
        with Store.open(url, create=True) as store, _worker(store, environment):
            began = time.monotonic()
            submitted = subprocess.run(
                _moodreel("submit", str(self._media), *SAMPLING, "--quiet"),
                env=environment,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            job = submitted.stdout.strip()
            while not (counts := store.jobs.counts(job)).finished:
                assert time.monotonic() - began < GIVE_UP_S, f"the fleet does not finish: {counts}"
                time.sleep(0.1)
            return time.monotonic() - began, counts.frames


@contextmanager
def _worker(store: Store, environment: dict[str, str]) -> Iterator[None]:
    """A worker with a child a core, once it has reported for duty."""
    with subprocess.Popen(_moodreel("worker"), env=environment, start_new_session=True) as worker:
        try:
            fleet = FleetStore(store.engine, store.patience_s)
            until = time.monotonic() + GIVE_UP_S
            while not fleet.workers(60):
                assert worker.poll() is None, "the worker ended"
                assert time.monotonic() < until, "the worker does not report"
                time.sleep(0.1)
            yield
        finally:
            worker.send_signal(signal.SIGTERM)


def _videos(folder: Path) -> Path:
    """Videos of a minute and more, each of another length and so of another content."""
    media = folder / "media"
    media.mkdir()
    opening = encode(HD, folder)
    for number in range(4):
        repeat(opening, 60 + 10 * number, media / f"{number}.mp4")
    return media


def _moodreel(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "jobs", *arguments]


def _environment(**settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MOODREEL_")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[1])} | settings


def _line(one: Round) -> str:
    return (
        f"embedded {one.embedded_s:6.2f} s   fleet {one.fleet_s:6.2f} s   ratio {one.ratio:.3f}   {one.frames:,} frames"
    )


if __name__ == "__main__":
    sys.exit(main())
