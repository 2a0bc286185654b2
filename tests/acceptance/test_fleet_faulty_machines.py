"""Workers that lack what they need, media or models, pause and charge no file for it; others do the work."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleets import Rows, agrees, trace, undisturbed
from tests.acceptance.folders import write_clip, write_photo
from tests.support.fleet import Fleet
from tests.support.postgres import Server

PAUSED = "SELECT note FROM worker WHERE state = 'paused'"
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for number in range(4):
        write_photo(folder / f"{number}.jpg", number)
    write_clip(folder / "clip.mp4", 5)
    return folder


@pytest.fixture
def expected(media: Path, tmp_path: Path) -> Rows:
    return undisturbed(media, tmp_path / "undisturbed")


@pytest.fixture
def fleet(media: Path, postgres: Server) -> Iterator[Fleet]:
    with Fleet({"main": media}, server=postgres) as opened:
        yield opened


def test_a_worker_whose_media_root_is_not_mounted_pauses_and_another_does_the_work(
    fleet: Fleet, media: Path, expected: Rows, tmp_path: Path
) -> None:
    mount = tmp_path / "mount"
    mount.mkdir()
    fleet.await_ready(fleet.worker("--concurrency", "1", MOODREEL_MEDIA_ROOTS=f"main={mount}"))
    job = fleet.run("submit", media).strip()
    ((note,),) = fleet.await_rows(PAUSED)
    assert f"media root main is not mounted at {mount}: the folder is empty" in note
    status = fleet.run("status")
    assert "waits for a worker: every one is paused" in status
    assert "is not mounted" in status
    fleet.worker("--concurrency", "1")
    fleet.await_finished(job)
    agrees(fleet, expected)
    assert set(trace(fleet).failures) == {0}


def test_a_worker_that_has_one_root_of_two_works_below_that_and_says_what_it_lacks(
    media: Path, expected: Rows, postgres: Server, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    write_photo(archive / "old.jpg", 9)
    with Fleet({"main": media, "archive": archive}, server=postgres) as fleet:
        jobs = [fleet.run("submit", folder).strip() for folder in (archive, media)]
        archive.rename(tmp_path / "away")
        worker = fleet.worker("--concurrency", "1")
        fleet.await_finished(jobs[1])
        assert fleet.await_rows("SELECT state, roots FROM worker WHERE note LIKE '%root archive is not mounted%'") == [
            ("working", "main")
        ]
        assert sorted(trace(fleet).states) == ["done"] * len(expected["media"]) + ["queued"]
        (tmp_path / "away").rename(archive)
        fleet.await_finished(jobs[0])
        assert set(trace(fleet).failures) == {0}
        assert worker.code is None


def test_a_file_that_is_gone_fails_after_three_tries_for_network_shares_see_files_late(
    fleet: Fleet, media: Path, tmp_path: Path
) -> None:
    job = fleet.run("submit", media).strip()
    (media / "0.jpg").unlink()
    (media / "1.jpg").rename(tmp_path / "late.jpg")
    worker = fleet.worker("--concurrency", "1")
    missed = "SELECT 1 FROM segment WHERE failures > 0 HAVING count(*) = 2"
    fleet.await_rows(missed)
    (tmp_path / "late.jpg").rename(media / "1.jpg")
    fleet.await_finished(job)
    failed = fleet.rows("SELECT path, code FROM problems")
    assert failed == [("0.jpg", "media.vanished")]
    assert sorted(zip(trace(fleet).states, trace(fleet).failures, strict=True)) == [
        *[("done", 0)] * 3,
        ("done", 1),
        ("failed", 3),
    ]
    assert worker.code is None


def test_a_worker_whose_model_is_damaged_pauses_and_another_does_the_work(
    fleet: Fleet, media: Path, expected: Rows, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    for package in ("jobs", "workers", "db"):
        shutil.copytree(CHECKOUT / package, damaged / package, ignore=shutil.ignore_patterns("__pycache__"))
    (damaged / "workers" / "models" / "ferplus.onnx").write_bytes(b"cut short")
    fleet.await_ready(fleet.worker("--concurrency", "1", PYTHONPATH=str(damaged)))
    job = fleet.run("submit", media).strip()
    ((note,),) = fleet.await_rows(PAUSED)
    assert "ferplus" in note
    fleet.worker("--concurrency", "1")
    fleet.await_finished(job)
    agrees(fleet, expected)
    assert set(trace(fleet).failures) == {0}
