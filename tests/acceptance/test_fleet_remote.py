"""A fleet over an object store: one worker reads the store, another a mount, a third has a full disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleets import Rows, agrees, trace, undisturbed
from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import clean_environment, command
from tests.support.fleet import Fleet
from tests.support.objectstore import BUCKET, ObjectStore
from tests.support.postgres import Server
from tests.support.smalldisk import on_small_disk

URL = f"s3://{BUCKET}/study"
PAUSED = "SELECT note FROM worker WHERE state = 'paused' AND note LIKE '%media cache%full%'"


@pytest.fixture
def folder(objects: ObjectStore, tmp_path: Path) -> Path:
    """Some photos and clips, here and in the store."""
    made = tmp_path / "study"
    (made / "day 1").mkdir(parents=True)
    for number in range(6):
        write_photo(made / "day 1" / f"{number}.jpg", number)
    write_clip(made / "a.mp4", 1)
    (made / "text.mp4").write_text("this is text")
    for path in made.rglob("*.*"):
        objects.put(f"study/{path.relative_to(made)}", path.read_bytes())
    return made


@pytest.fixture
def expected(folder: Path, tmp_path: Path) -> Rows:
    """What is to be found in it."""
    return undisturbed(folder, tmp_path / "undisturbed")


@pytest.fixture
def fleet(objects: ObjectStore, postgres: Server, tmp_path: Path) -> Iterator[Fleet]:
    """Servers, one root in the store, and nobody at work yet."""
    cache = {"MOODREEL_CACHE": str(tmp_path / "cache")}
    with Fleet({"cloud": URL}, server=postgres, **objects.environment, **cache) as opened:  # type: ignore[dict-item]
        yield opened


def test_workers_read_the_store_or_a_mount_of_it_and_find_what_a_run_finds(
    fleet: Fleet, objects: ObjectStore, folder: Path, expected: Rows
) -> None:
    job = fleet.run("submit", URL, "--quiet").strip()
    assert set(objects.reads().values()) == {1}
    assert fleet.rows("SELECT DISTINCT root FROM job_file") == [(b"cloud",)]
    mounted = fleet.worker("--concurrency", "1", MOODREEL_MEDIA_ROOTS=f"cloud={folder}")
    reading = fleet.worker("--concurrency", "1")
    fleet.await_ready(mounted, reading)
    fleet.await_finished(job)
    agrees(fleet, expected)


def test_a_worker_whose_cache_has_a_full_disk_reports_it_and_the_others_go_on(
    fleet: Fleet, expected: Rows, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    settings = fleet.settings | {"MOODREEL_CACHE": str(tmp_path / "full"), "MOODREEL_LOG_LEVEL": "info"}
    words = on_small_disk("12k", tmp_path / "full", command("worker", "--concurrency", "1"))
    fleet.await_ready(fleet.programs.start("full", words, env=clean_environment(**settings)))
    job = fleet.run("submit", URL, "--quiet").strip()
    fleet.await_rows(PAUSED)
    fleet.worker("--concurrency", "1")
    fleet.await_finished(job)
    agrees(fleet, expected)
    assert set(trace(fleet).failures) == {0}
