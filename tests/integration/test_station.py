"""A worker's station with real children: bells, strangers' work, cancellation, the end."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.errors import DatabaseUnavailable
from db.records import ClaimedSegment
from db.store import Store
from jobs.control import Controls, Stop
from jobs.intake import Intake
from jobs.progress import Silent
from jobs.run import Runner
from jobs.submit import create_job
from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import wait_until
from tests.integration.test_runner import request_for
from workers.cache import CacheDiskFull
from workers.desk import Terms
from workers.limits import ChildLimits
from workers.places import NamedPlaces, Whereabouts
from workers.skills import Territory
from workers.station import Crew, Station
from workers.supervisor import Supervisor


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'moodreel.db'}", create=True) as opened:
        yield opened


@pytest.fixture
def station(store: Store) -> Iterator[Station]:
    made = Station(store, "host:1", NamedPlaces(), Terms(), Crew(ChildLimits()))
    yield made
    made.close()


def submitted(store: Store, media: Path, every_s: float = 1) -> str:
    """Every file admitted, none analysed."""
    request = request_for(media, every_s)
    job = create_job(store, request, "test:1")
    with Supervisor(1, ChildLimits()) as supervisor, Intake(store, job, request) as intake:
        Runner(store, job, supervisor, intake, Controls(Silent(), Stop(), analyse=False)).run()
    return job.id


def test_a_bell_for_one_segment_gets_all_that_is_runnable_done(store: Store, station: Station, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for number in range(4):
        write_photo(media / f"{number}.jpg", number)
    write_clip(media / "clip.mp4", 9)
    job = submitted(store, media)
    assert not station.serve([1])
    counts = store.jobs.counts(job)
    assert (counts.done, counts.failed, counts.faces) == (5, 0, 4 + 2)
    assert not station.serve([1])  # the same message, delivered again
    assert store.jobs.counts(job) == counts


def test_work_that_nobody_wants_any_more_is_stopped_within_seconds(
    store: Store, station: Station, tmp_path: Path
) -> None:
    media = tmp_path / "media"
    media.mkdir()
    write_clip(media / "long.mp4", 1, seconds=30)
    job = submitted(store, media, every_s=0.04)
    worker = threading.Thread(target=station.serve, args=([1],))
    worker.start()
    wait_until(lambda: store.jobs.counts(job).running == 1)
    store.jobs.cancel(job)
    wait_until(lambda: store.jobs.counts(job).running == 0, 15)
    worker.join()
    counts = store.jobs.counts(job)
    assert (counts.done, counts.queued, counts.failed) == (0, 2, 0)


def test_a_station_that_closes_gives_back_what_it_had_in_hand(store: Store, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    write_clip(media / "long.mp4", 1, seconds=30)
    job = submitted(store, media, every_s=0.04)
    station = Station(store, "host:1", NamedPlaces(), Terms(), Crew(ChildLimits()))
    worker = threading.Thread(target=station.serve, args=([1],))
    worker.start()
    wait_until(lambda: store.jobs.counts(job).running == 1)
    station.close()
    worker.join()
    counts = store.jobs.counts(job)
    assert (counts.queued, counts.running, counts.failed) == (2, 0, 0)


class SlowToProve(NamedPlaces):
    """A huge film on a slow share: proving what it holds takes longer than a lease."""

    def __init__(self) -> None:
        super().__init__()
        self.proven = threading.Event()

    def find(self, claim: ClaimedSegment) -> Whereabouts:
        self.proven.wait()
        return super().find(claim)


def test_a_lease_is_held_while_a_file_is_read_to_prove_what_it_holds(store: Store, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    write_photo(media / "a.jpg", 1)
    job = submitted(store, media)
    places, lease_s = SlowToProve(), 3.0
    station = Station(store, "host:1", places, Terms(lease_s=lease_s), Crew(ChildLimits()))
    worker = threading.Thread(target=station.serve, args=([1],))
    worker.start()
    try:
        wait_until(lambda: store.jobs.counts(job).running == 1)
        time.sleep(1.5 * lease_s)
        assert store.segments.expire() == 0
    finally:
        places.proven.set()
        worker.join()
        station.close()
    counts = store.jobs.counts(job)
    assert (counts.done, counts.failed) == (1, 0)


class LostFromSight(Territory):
    """What a worker may claim, asked of a database that is away the first time."""

    def __init__(self) -> None:
        self._asked = 0

    def reach(self) -> None:  # type: ignore[override]  # everything is within reach
        self._asked += 1
        if self._asked == 1:
            raise DatabaseUnavailable("it restarts", "wait")

    def holds(self, _claim: ClaimedSegment) -> bool:
        return True


@pytest.mark.logs_errors
def test_a_database_that_goes_away_at_a_claim_costs_nothing(store: Store, tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for number in range(3):
        write_photo(media / f"{number}.jpg", number)
    job = submitted(store, media)
    station = Station(store, "host:1", NamedPlaces(), Terms(territory=LostFromSight()), Crew(ChildLimits()))
    try:
        station.serve([1, 2, 3])
        counts = store.jobs.counts(job)
        assert (counts.queued, counts.running, counts.done) == (3, 0, 0)
        assert station.trouble == "it restarts"
        station.serve([1, 2, 3])
    finally:
        station.close()
    assert store.jobs.counts(job).done == 3
    assert store.segments.expire() == 0


class FullDisk(NamedPlaces):
    """A machine whose media cache has no room until somebody makes some."""

    def __init__(self) -> None:
        super().__init__()
        self.has_room = False

    def find(self, claim: ClaimedSegment) -> Whereabouts:
        if not self.has_room:
            raise CacheDiskFull("the disk of the media cache is full", "free some space")
        return super().find(claim)


@pytest.mark.logs_errors
def test_a_machine_with_a_full_disk_claims_nothing_for_a_while_and_goes_on_once_there_is_room(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = tmp_path / "media"
    media.mkdir()
    write_photo(media / "a.jpg", 1)
    job = submitted(store, media)
    monkeypatch.setattr("workers.station.PAUSE_S", 1.5)
    places = FullDisk()
    station = Station(store, "host:1", places, Terms(), Crew(ChildLimits()))
    try:
        station.serve([1])
        assert station.trouble is not None
        assert "is full" in station.trouble
        counts = store.jobs.counts(job)
        assert (counts.queued, counts.running, counts.failed) == (1, 0, 0)
        places.has_room = True
        station.serve([1])
        assert station.trouble is None
    finally:
        station.close()
    assert store.jobs.counts(job).done == 1
