"""Runs over an object store, with real children: a cache far too small for all, a disk that is full."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from db.store import Store
from jobs.control import Controls, Ending, Stop
from jobs.discover import Filters
from jobs.intake import Intake
from jobs.progress import Silent
from jobs.run import Runner
from jobs.submit import Wish, build_request, create_job
from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import clean_environment, command, moodreel, sql
from tests.support.objectstore import BUCKET, ObjectStore
from tests.support.smalldisk import on_small_disk
from workers.analysis import DetectorSpec, Sampling, ScorerSpec
from workers.limits import ChildLimits
from workers.places import NamedPlaces
from workers.staging import Staging
from workers.supervisor import Supervisor

URL = f"s3://{BUCKET}"


def upload(objects: ObjectStore, folder: Path, count: int) -> list[int]:
    """So many photos and two clips; the size of each."""
    for number in range(count):
        write_photo(folder / f"{number:02}.png", number)
    write_clip(folder / "a.mp4", 1)
    write_clip(folder / "b.mp4", 2)
    for path in folder.iterdir():
        objects.put(path.name, path.read_bytes())
    return [path.stat().st_size for path in folder.iterdir()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "media"
    made.mkdir()
    return made


def test_a_cache_too_small_for_all_serves_one_after_the_other(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    sizes = upload(objects, folder, 24)
    bound = 3 * max(sizes)
    assert sum(sizes) > 2 * bound
    request = build_request(
        Wish([URL], Sampling(interval_s=Fraction(1)), DetectorSpec(), ScorerSpec(), Filters(), None, {}, None)
    )
    database = tmp_path / "moodreel.db"
    with (
        Store.open(f"sqlite:///{database}", create=True) as store,
        Supervisor(1, ChildLimits()) as supervisor,
        Staging(tmp_path / "cache", bound) as staging,
    ):
        job = create_job(store, request, "test:1")
        with Intake(store, job, request, staging=staging) as intake:
            controls = Controls(Silent(), Stop(), places=NamedPlaces(staging))
            outcome = Runner(store, job, supervisor, intake, controls).run()
        assert (outcome.ending, outcome.counts.done, outcome.counts.failed) == (Ending.FINISHED, 26, 0)
    assert sql(database, "SELECT count(*) FROM problems") == [(0,)]
    assert sum(path.stat().st_size for path in (tmp_path / "cache").glob("[0-9a-f]*")) <= bound
    assert not list((tmp_path / "cache").glob(".part-*"))


def test_a_full_disk_ends_the_run_in_words_and_costs_no_file_anything(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    upload(objects, folder, 2)
    (tmp_path / "full").mkdir()
    ended = subprocess.run(
        on_small_disk("12k", tmp_path / "full", command("run", URL)),
        cwd=tmp_path,
        env=clean_environment(MOODREEL_CACHE=str(tmp_path / "full")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    assert "is full" in ended.stderr
    assert "hint: " in ended.stderr
    resumed = moodreel("resume", "latest", cwd=tmp_path, MOODREEL_CACHE=str(tmp_path / "cache"))
    assert resumed.code == 0, resumed.err
    assert sql(tmp_path / "moodreel.db", "SELECT sum(failures), count(*) FROM segment") == [(0, 4)]
