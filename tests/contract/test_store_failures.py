"""What happens to the store when its disk fills or its process is killed: all of a commit or nothing of it."""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from db.store import Store
from tests.support.dbmaking import admit, counted_truth, counters, photo, rows, run_all, start, video

HERE = Path(__file__).parents[2]
SEGMENTS = 40

WORKER = """
import sys
from db.store import Store
from tests.support.dbmaking import result_of
with Store.open(sys.argv[1]) as store:
    store.segments.release_all()
    print("ready", flush=True)
    while claimed := store.segments.claim("worker", 60, 3):
        store.segments.commit([result_of(one, faces=3) for one in claimed])
print("done", flush=True)
"""
FILLS_THE_DISK = """
import resource, sys
from db.errors import DatabaseFull
from db.store import Store
from tests.support.dbmaking import result_of
with Store.open(sys.argv[1]) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        while claimed := store.segments.claim("worker", 60, 1):
            store.segments.commit([result_of(one, faces=40) for one in claimed])
    except DatabaseFull as error:
        print("full:", error, error.hint)
    # Reading goes on, and so does writing once there is space again.
    print("left", store.segments.queued(store.jobs.find("latest").id) > 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.segments.release_all()
"""


@pytest.fixture
def file(sqlite_template: Path, tmp_path: Path) -> Path:
    """A database on a real disk with a video to analyse."""
    copied = Path(shutil.copy(sqlite_template, tmp_path / "moodreel.db"))
    with Store.open(f"sqlite:///{copied}") as store:
        admit(store, start(store), video("a.mp4", segments=SEGMENTS))
    return copied


def check(file: Path) -> None:
    """The file is whole, and every count in it is true: no commit was written in part."""
    with Store.open(f"sqlite:///{file}") as store:
        assert rows(store, "PRAGMA integrity_check") == [("ok",)]
        assert rows(store, "PRAGMA foreign_key_check") == []
        assert counters(store) == counted_truth(store)
        done = "SELECT count(*) FROM segment WHERE state = 'done'"
        assert rows(store, "SELECT count(*) FROM frame") == [(10 * rows(store, done)[0][0],)]


def test_a_worker_killed_at_any_moment_leaves_whole_commits(file: Path) -> None:
    seeded = random.Random(20)
    for _ in range(6):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, f"sqlite:///{file}"], cwd=HERE, stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        with worker, worker.stdout:
            assert worker.stdout.readline() == "ready\n"
            try:
                worker.wait(seeded.uniform(0.0, 0.06))
            except subprocess.TimeoutExpired:
                worker.send_signal(signal.SIGKILL)
        check(file)
    with Store.open(f"sqlite:///{file}") as store:
        store.segments.release_all()
        run_all(store, faces=3)
        assert rows(store, "SELECT count(*), max(pts) FROM frame") == [(10 * SEGMENTS, 1000 * (10 * SEGMENTS - 1))]
        assert rows(store, "SELECT count(*) FROM face") == [(15 * SEGMENTS,)]
    check(file)


def test_a_full_disk_is_an_error_of_its_own_and_loses_nothing(file: Path) -> None:
    limit = file.stat().st_size + 40 * 4096
    done = subprocess.run(
        [sys.executable, "-c", FILLS_THE_DISK, f"sqlite:///{file}", str(limit)],
        cwd=HERE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "full: the disk under the database" in done.stdout
    assert "moodreel resume" in done.stdout
    assert "left True" in done.stdout
    check(file)
    with Store.open(f"sqlite:///{file}") as store:
        assert run_all(store) > 0
        assert store.jobs.counts(store.jobs.find("latest").id).finished
    check(file)


def test_a_refused_transaction_leaves_the_database_usable(store: Store) -> None:
    job = start(store)
    with pytest.raises(Exception, match="gone"):
        admit(store, job, photo("a.jpg"), photo("b.jpg", facts=None, segments=None))
    assert admit(store, job, photo("a.jpg")).new_segments == 1


def test_a_reader_that_dawdles_holds_a_writer_up_and_no_longer(file: Path) -> None:
    """A rollback journal knows no readers beside a writer: the commit waits, and goes through when they are done."""
    with Store.open(f"sqlite:///{file}") as store, closing(sqlite3.connect(file, check_same_thread=False)) as reader:
        cursor = reader.execute("SELECT * FROM segment")
        cursor.fetchone()
        timer = threading.Timer(0.5, cursor.close)
        timer.start()
        assert len(store.segments.claim("w", 60, 1)) == 1
        timer.join()
