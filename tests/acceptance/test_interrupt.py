"""Stopping a run, and what may be done beside it."""

import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import children_of, moodreel, signal_to, sql, start, wait_until

DONE = "SELECT count(*) FROM segment WHERE state = 'done'"
REPEATED = "SELECT count(*) FROM segment WHERE state = 'done' AND attempt > 1"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Work for several seconds: clips looked at frame by frame, and photos."""
    folder = tmp_path_factory.mktemp("media")
    for number in range(8):
        write_clip(folder / f"{number}.mp4", number, seconds=4)
        write_photo(folder / f"{number}.jpg", number)
    return folder


@pytest.fixture
def running(media: Path, tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """A run in the middle of its work: something is done, something is not, and its children stand still."""
    process = start("run", media, "--every-frame", "--workers", "2", "--json", cwd=tmp_path)
    try:
        database = tmp_path / "moodreel.db"
        slowly(process, lambda: _count(database, DONE) >= 3)
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def held_still(process: "subprocess.Popen[str]", database: Path) -> Iterator[None]:
    """A process that does nothing for a while, in a moment when it writes nothing: it shall not be done before us."""

    def stopped_between_commits() -> bool:
        process.send_signal(signal.SIGSTOP)
        if _is_free(database):
            return True
        process.send_signal(signal.SIGCONT)
        return False

    wait_until(stopped_between_commits)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def children_held(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Its children do nothing for a while: all shall not be done before it has heard us."""
    _tell_children(process, signal.SIGSTOP)
    try:
        yield
    finally:
        _tell_children(process, signal.SIGCONT)


def _tell_children(process: "subprocess.Popen[str]", what: signal.Signals) -> None:
    for child in children_of(process.pid):
        signal_to(child, what)


def slowly(process: "subprocess.Popen[str]", until: Callable[[], bool]) -> None:
    """Its children run for a quarter of the time until then: where the disk keeps their parent waiting, they would be
    done with everything before anybody sees a part of it. They stand still at the end: none shall be done meanwhile.
    """
    give_up = time.monotonic() + 60
    while True:
        assert time.monotonic() < give_up, "waited in vain"
        _tell_children(process, signal.SIGSTOP)
        time.sleep(0.06)
        if until():
            return
        _tell_children(process, signal.SIGCONT)
        time.sleep(0.02)


def ctrl_c(process: "subprocess.Popen[str]") -> None:
    """Press it, and wait until that is told."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("finishing what is running" in line for line in process.stderr), "it ended without a word"


def _is_free(database: Path) -> bool:
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True


def _count(database: Path, statement: str) -> int:
    try:
        ((count,),) = sql(database, statement)
    except sqlite3.OperationalError:
        return 0  # its tables are just being made
    return int(count)


def test_ctrl_c_once_finishes_what_is_running_and_resume_repeats_nothing(
    running: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    with children_held(running):
        ctrl_c(running)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    database = tmp_path / "moodreel.db"
    done = _count(database, DONE)
    assert 3 <= done < 16
    assert sql(database, "SELECT count(*) FROM segment WHERE state = 'running'") == [(0,)]
    resumed = moodreel("resume", "latest", "--json", cwd=tmp_path)
    assert resumed.code == 0, resumed.err
    assert resumed.summary["segments_run"] == 16 - done
    assert sql(database, "SELECT state, count(*) FROM segment GROUP BY 1") == [("done", 16)]
    assert sql(database, "SELECT sum(failures), sum(expiries) FROM segment") == [(0, 0)]
    assert out


def test_ctrl_c_twice_stops_now_and_loses_nothing(running: "subprocess.Popen[str]", tmp_path: Path) -> None:
    children = children_of(running.pid)
    with children_held(running):
        ctrl_c(running)  # two that come at once would be one
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=10)
    assert running.returncode == 130
    assert not any(child in children_of(1) for child in children)
    assert sql(tmp_path / "moodreel.db", "SELECT count(*) FROM segment WHERE state = 'running'") == [(0,)]
    again = moodreel("resume", "latest", "--json", cwd=tmp_path)
    assert again.code == 0, again.err
    assert sql(tmp_path / "moodreel.db", "SELECT count(*) FROM frames") == [(8 * 100 + 8,)]


def test_a_second_run_on_the_same_database_is_refused_with_a_hint(
    running: "subprocess.Popen[str]", media: Path, tmp_path: Path
) -> None:
    with children_held(running), held_still(running, tmp_path / "moodreel.db"):
        second = moodreel("run", media, cwd=tmp_path)
    assert second.code == 3
    assert "another moodreel is working" in second.err
    assert "hint:" in second.err


def test_status_query_and_export_are_safe_beside_a_run(running: "subprocess.Popen[str]", tmp_path: Path) -> None:
    for arguments in (
        ("status", "latest", "--json"),
        ("jobs",),
        ("query", "SELECT count(*) FROM emotions", "--format", "csv"),
        ("export", "latest", "--output", "out.csv"),
        ("db", "backup", "copy.db"),
    ):
        beside = moodreel(*arguments, cwd=tmp_path)
        assert beside.code == 0, beside.err
    _tell_children(running, signal.SIGCONT)
    running.communicate(timeout=120)
    assert running.returncode == 0
    assert sql(tmp_path / "copy.db", "PRAGMA integrity_check") == [("ok",)]


def test_a_job_cancelled_from_beside_stops_within_seconds_and_resumes(
    running: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    with children_held(running), held_still(running, tmp_path / "moodreel.db"):
        assert moodreel("cancel", "latest", cwd=tmp_path).code == 0
    slowly(running, lambda: running.poll() is not None)
    assert running.returncode == 130
    status = moodreel("status", "latest", "--json", cwd=tmp_path)
    assert status.summary["state"] == "cancelled"
    assert moodreel("resume", "latest", "--quiet", cwd=tmp_path).code == 0
    assert sql(tmp_path / "moodreel.db", "SELECT state, count(*) FROM segment GROUP BY 1") == [("done", 16)]


def test_termination_stops_at_once_and_is_resumable(running: "subprocess.Popen[str]", tmp_path: Path) -> None:
    with children_held(running):
        running.terminate()
        running.communicate(timeout=10)
    assert running.returncode == 130
    assert moodreel("resume", "latest", "--quiet", cwd=tmp_path).code == 0


def test_a_run_that_was_told_to_ignore_the_end_of_its_terminal_goes_on(media: Path, tmp_path: Path) -> None:
    photos = [media / f"{number}.jpg" for number in range(8)]
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; a new process inherits it
    try:
        process = start("run", *photos, "--quiet", cwd=tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_until((tmp_path / "moodreel.db").exists)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_neither_photos_nor_the_end_wait_for_a_huge_file_to_be_read(media: Path, tmp_path: Path) -> None:
    huge = tmp_path / "huge.mp4"
    huge.write_bytes((media / "0.mp4").read_bytes())
    with huge.open("r+b") as stream:  # a free box of 64 GiB behind the film, without a byte on the disk
        end = stream.seek(0, 2)
        stream.write((1).to_bytes(4) + b"free" + (2**36).to_bytes(8))
        stream.truncate(end + 2**36)
    process = start("run", huge, media / "0.jpg", "--json", cwd=tmp_path)
    wait_until(lambda: _count(tmp_path / "moodreel.db", DONE) == 1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=15)
    assert process.returncode == 130
