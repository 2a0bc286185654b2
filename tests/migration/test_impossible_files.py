"""What cannot be a database file is refused in words before SQLite sees it, and nothing is left beside it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from db.engine import dispose, open_engine
from db.errors import DatabaseUnusable, NotADatabase
from db.migrate import check_file
from db.store import Store
from workers.settings import file_url


def _a_device(file: Path) -> None:
    file.symlink_to(os.devnull)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, _a_device])
def test_what_is_no_plain_file_is_no_database(make: Callable[[Path], None], tmp_path: Path) -> None:
    file = tmp_path / "moodreel.db"
    make(file)
    with pytest.raises(NotADatabase, match="no plain file") as caught:
        Store.open(file_url(file), create=True)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == [file]
    assert not Path(os.devnull + "-journal").exists()


@pytest.mark.parametrize("length", [250, 300])
def test_a_name_that_is_too_long_for_the_file_or_its_journal_is_refused(length: int, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="too long") as caught:
        Store.open(file_url(tmp_path / ("x" * length)), create=True)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_just_fits_serves(tmp_path: Path) -> None:
    Store.open(file_url(tmp_path / ("x" * 247)), create=True).close()


def test_a_missing_file_is_found_out_without_making_its_folder(tmp_path: Path) -> None:
    engine = open_engine(file_url(tmp_path / "nofolder" / "typo.db"))
    try:
        with pytest.raises(DatabaseUnusable, match="no database at"):
            check_file(engine, create=False)
    finally:
        dispose(engine)
    assert list(tmp_path.iterdir()) == []
