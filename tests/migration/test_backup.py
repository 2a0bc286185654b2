"""A backup is whole or not there, and others go on writing meanwhile."""

import errno
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from db.backup import backup
from db.engine import APPLICATION_ID
from db.errors import DatabaseUnusable
from db.files import whole_file
from db.store import Store
from tests.support.dbmaking import admit, photo, rows, run_all, start


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_backup_is_a_database_of_its_own(store: Store, quick_folder: Path) -> None:
    admit(store, start(store), photo("a.jpg"))
    run_all(store)
    backup(store.engine, quick_folder / "kept.db")
    with Store.open(f"sqlite:///{quick_folder}/kept.db") as kept:
        assert rows(kept, "SELECT path, dominant FROM emotions") == [("a.jpg", "happiness")]
        assert rows(kept, "PRAGMA application_id") == [(APPLICATION_ID,)]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_backup_made_while_others_write_is_of_one_moment(store: Store, quick_folder: Path) -> None:
    job = start(store)
    stop = threading.Event()
    admitted = threading.Semaphore(0)

    def write() -> None:
        for number in range(10_000):
            if stop.is_set():
                return
            admit(store, job, photo(f"{number}-a.jpg"), photo(f"{number}-b.jpg"))
            admitted.release()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            admitted.acquire()
            backup(store.engine, quick_folder / f"{number}.db")
    finally:
        stop.set()
        writer.join()
    sizes = []
    for number in range(5):
        with closing(sqlite3.connect(quick_folder / f"{number}.db")) as kept:
            assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert kept.execute("PRAGMA foreign_key_check").fetchall() == []
            sizes.append(kept.execute("SELECT count(*) FROM job_file").fetchone()[0])
    assert all(size % 2 == 0 for size in sizes)  # never half of an admission
    assert sizes == sorted(sizes)
    assert sizes[0] >= 2


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_backup_replaces_nothing_and_leaves_nothing_behind(store: Store, quick_folder: Path) -> None:
    (quick_folder / "kept.db").write_text("mine")
    with pytest.raises(DatabaseUnusable, match="exists already"):
        backup(store.engine, quick_folder / "kept.db")
    with pytest.raises(DatabaseUnusable, match="no folder"):
        backup(store.engine, quick_folder / "none" / "kept.db")
    assert (quick_folder / "kept.db").read_text() == "mine"
    assert sorted(path.name for path in quick_folder.glob("*.db*") if "moodreel" not in path.name) == ["kept.db"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_backup_touches_nothing_of_yours_beside_it_and_is_as_private_as_the_database(
    store: Store, quick_folder: Path
) -> None:
    (quick_folder / "kept.db.part").write_text("mine")
    assert store.file is not None
    store.file.chmod(0o600)
    backup(store.engine, quick_folder / "kept.db")
    assert (quick_folder / "kept.db").stat().st_mode & 0o777 == 0o600
    assert (quick_folder / "kept.db.part").read_text() == "mine"
    assert not list(quick_folder.glob(".moodreel-*"))


def not_linked(self: Path, target: Path) -> None:
    raise OSError(errno.EPERM, "this file system knows no hard links")


@pytest.mark.parametrize("links", [True, False])
def test_what_turns_up_in_the_meantime_is_left_alone(
    links: bool, quick_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", not_linked)
    with whole_file(quick_folder / "free", replace=False) as partial:
        partial.write_text("ours")
    assert (quick_folder / "free").read_text() == "ours"
    with pytest.raises(FileExistsError), whole_file(quick_folder / "taken", replace=False):
        (quick_folder / "taken").write_text("mine")
    assert (quick_folder / "taken").read_text() == "mine"
    assert sorted(path.name for path in quick_folder.iterdir()) == ["free", "taken"]


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(("name", "said"), [("x" * 300, "too long"), ("kept.db/below.db", "no folder|Not a directory")])
def test_a_backup_to_an_impossible_name_says_so(store: Store, quick_folder: Path, name: str, said: str) -> None:
    (quick_folder / "kept.db").write_text("mine")
    with pytest.raises(DatabaseUnusable, match=said) as caught:
        backup(store.engine, quick_folder / name)
    assert caught.value.hint


@pytest.mark.parametrize("backend", ["postgresql"])
def test_postgresql_is_backed_up_by_its_own_tools(store: Store, quick_folder: Path) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        backup(store.engine, quick_folder / "kept.db")
    assert "pg_dump" in caught.value.hint
