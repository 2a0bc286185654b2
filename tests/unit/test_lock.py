"""The lock of a database: seen by whoever looks, in nobody's way, and said in words where it cannot be taken."""

from pathlib import Path

import pytest

from jobs.errors import ExitCode, UsageError
from jobs.lock import AlreadyRunning, is_running, lock_path, run_lock


def test_a_lock_is_seen_while_it_is_held_and_free_afterwards(tmp_path: Path) -> None:
    database = tmp_path / "moodreel.db"
    assert not is_running(database)
    assert list(tmp_path.iterdir()) == []  # looking makes no file
    with run_lock(database):
        assert is_running(database)
        with pytest.raises(AlreadyRunning) as caught, run_lock(database, patience_s=0):
            pass
        assert caught.value.exit_code == ExitCode.UNAVAILABLE
    assert not is_running(database)
    with run_lock(database, patience_s=0):
        pass


def test_a_database_on_a_server_has_no_lock_file() -> None:
    assert not is_running(None)
    with run_lock(None):
        pass


@pytest.mark.parametrize("name", ["x" * 255, "file/moodreel.db"])
def test_a_lock_file_that_cannot_be_made_is_said_in_words(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = tmp_path / name
    assert not is_running(database)
    with pytest.raises(UsageError) as caught, run_lock(database):
        pass
    assert caught.value.hint


def test_a_folder_in_the_place_of_the_lock_file_is_no_run(tmp_path: Path) -> None:
    database = tmp_path / "moodreel.db"
    lock_path(database).mkdir()
    assert not is_running(database)
    with pytest.raises(UsageError) as caught, run_lock(database):
        pass
    assert caught.value.hint
