"""Opening what is no database of ours, or one in a bad way: each says what is wrong and what to do."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from db.errors import DatabaseLocked, DatabaseUnavailable, DatabaseUnusable, NotADatabase, StoreError
from db.query import open_query
from db.store import Store
from tests.support.dbmaking import admit, photo, rows, run_all, start

HERE = Path(__file__).parents[2]


def refusal(url: str, kind: type[StoreError], create: bool = False) -> StoreError:
    with pytest.raises(kind) as caught:
        Store.open(url, create=create, patience_s=0.2).close()
    assert caught.value.hint
    return caught.value


@pytest.fixture
def filled(sqlite_template: Path, quick_folder: Path) -> Path:
    """A database with a few rows."""
    file = Path(shutil.copy(sqlite_template, quick_folder / "moodreel.db"))
    with Store.open(f"sqlite:///{file}") as store:
        admit(store, start(store), *(photo(f"{number}.jpg") for number in range(50)))
        run_all(store)
    return file


def test_a_missing_file_is_not_made_unless_asked(quick_folder: Path) -> None:
    assert "no database at" in str(refusal(f"sqlite:///{quick_folder}/none.db", DatabaseUnusable))
    assert list(quick_folder.iterdir()) == []


def test_a_missing_folder_is_named(quick_folder: Path) -> None:
    assert "no folder" in str(refusal(f"sqlite:///{quick_folder}/none/moodreel.db", DatabaseUnusable, create=True))


@pytest.mark.parametrize("content", [b"some notes, not a database\n" * 100, b"x", b"\0" * 4096])
def test_a_file_of_another_kind_is_left_alone(quick_folder: Path, content: bytes) -> None:
    file = quick_folder / "notes.txt"
    file.write_bytes(content)
    refusal(f"sqlite:///{file}", NotADatabase, create=True)
    assert file.read_bytes() == content


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_another_programs_database_is_left_alone_to_the_byte(quick_folder: Path, mode: str) -> None:
    """Its journal mode too, which is kept in the file."""
    file = quick_folder / "theirs.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.executescript("CREATE TABLE media_analysis (a); CREATE TABLE alembic_version (version_num TEXT)")
    content = file.read_bytes()
    assert "another program" in str(refusal(f"sqlite:///{file}", NotADatabase, create=True))
    assert file.read_bytes() == content


def test_a_folder_is_no_database(quick_folder: Path) -> None:
    refusal(f"sqlite:///{quick_folder}", DatabaseUnusable, create=True)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_database_that_is_cut_short_is_refused(filled: Path, kept: float) -> None:
    content = filled.read_bytes()
    filled.write_bytes(content[: int(len(content) * kept) // 4096 * 4096])
    with pytest.raises(NotADatabase, match="damaged") as caught, Store.open(f"sqlite:///{filled}") as store:
        for table in ("job", "job_file", "segment", "frame", "face"):
            rows(store, f"SELECT * FROM {table}")
    assert "backup" in caught.value.hint


AS_NOBODY = """
import os, sys
from db.errors import DatabaseUnusable
from db.store import Store
Store.open(sys.argv[1], create=True).close()   # everything is imported before the rights are given up
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    Store.open(sys.argv[2], create=True)
except DatabaseUnusable as error:
    print("refused:", error, error.hint)
"""


def test_a_folder_that_may_not_be_written_is_named(quick_folder: Path) -> None:
    folder = quick_folder / "locked"
    folder.mkdir(mode=0o555)
    quick_folder.chmod(0o755)
    urls = [f"sqlite:///{quick_folder}/first.db", f"sqlite:///{folder}/moodreel.db"]
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, *urls], cwd=HERE, capture_output=True, text=True, check=True
    )
    assert "refused: the database file cannot be opened or written" in done.stdout
    assert "permissions" in done.stdout


def test_a_database_that_others_keep_locked_says_so_after_its_patience(filled: Path) -> None:
    with (
        closing(sqlite3.connect(filled, isolation_level=None)) as other,
        Store.open(f"sqlite:///{filled}", patience_s=0.2) as store,
    ):
        _impatient(store)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked) as caught:
            start(store, 2)
        assert "close it" in caught.value.hint
        other.execute("ROLLBACK")
        start(store, 2)


def _impatient(store: Store) -> None:
    import sqlalchemy as sa

    sa.event.listen(store.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 100"))
    store.engine.dispose()


HOLDS_A_HOT_JOURNAL = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = DELETE")
connection.execute("PRAGMA cache_size = 2")        # so that pages reach the file before the commit
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE face SET dominant = 'anger', happiness = 0")
connection.execute("DELETE FROM frame WHERE pts = 0")
os.kill(os.getpid(), 9)
"""


def with_a_hot_journal(file: Path) -> None:
    subprocess.run([sys.executable, "-c", HOLDS_A_HOT_JOURNAL, str(file)], check=False)
    assert Path(f"{file}-journal").stat().st_size > 0


def test_what_a_killed_writer_left_is_rolled_back_by_the_next_open(filled: Path) -> None:
    with_a_hot_journal(filled)
    with Store.open(f"sqlite:///{filled}") as store:
        assert rows(store, "SELECT dominant, count(*) FROM emotions GROUP BY 1") == [("happiness", 50)]
        assert rows(store, "PRAGMA integrity_check") == [("ok",)]


def test_what_a_killed_writer_left_is_rolled_back_before_a_query(filled: Path) -> None:
    with_a_hot_journal(filled)
    with open_query(f"sqlite:///{filled}", "SELECT dominant, count(*) FROM emotions GROUP BY 1") as result:
        assert list(result) == [[("happiness", 50)]]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:a.db?mode=ro&uri=true",
        "mysql://a/b",
        "nonsense",
        "",
        "oracle://x",
    ],
)
def test_a_url_that_we_do_not_serve_is_refused(url: str) -> None:
    assert "sqlite:///FILE" in refusal(url, DatabaseUnusable, create=True).hint


def test_a_server_that_is_not_there_is_named_without_its_password(quick_folder: Path) -> None:
    error = refusal(f"postgresql://me:secret@/db?host={quick_folder}", DatabaseUnavailable)
    assert error.retryable
    assert "secret" not in f"{error} {error.hint}"


def test_a_path_with_odd_characters_is_a_path_like_any_other(sqlite_template: Path, quick_folder: Path) -> None:
    file = quick_folder / "a b#c%20d'é.db"
    shutil.copy(sqlite_template, file)
    url = URL.create("sqlite", database=str(file)).render_as_string()
    with Store.open(url) as store:
        assert store.file == file
        start(store)
    with open_query(url, "SELECT count(*) FROM job") as result:
        assert list(result) == [[(1,)]]
