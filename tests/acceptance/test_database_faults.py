"""A database that is locked, full, too new or none at all: said in words, and nothing is lost."""

import resource
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.runs import clean_environment, command, moodreel, rows, sql


def run_with_small_files(limit_bytes: int, *arguments: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """A run on a disk that takes no file beyond a size: what a full disk is to it."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))

    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=clean_environment(),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_full_disk_ends_the_run_and_resume_continues_it(forty: Path, tmp_path: Path) -> None:
    full = run_with_small_files(300_000, "run", forty, "--every-frame", "--workers", "2", cwd=tmp_path)
    assert full.returncode == 3, full.stderr
    assert "hint:" in full.stderr
    assert "resume" in full.stderr
    database = tmp_path / "moodreel.db"
    assert sql(database, "PRAGMA integrity_check") == [("ok",)]
    resumed = moodreel("resume", "latest", "--json", cwd=tmp_path)
    assert resumed.code == 1, resumed.err
    assert resumed.summary["counts"]["frames"] == 26 + 12 * 50
    assert len(rows(database)["faces"]) == 26 + 12 * 50


def test_a_locked_database_is_given_up_on_with_a_hint(forty: Path, tmp_path: Path) -> None:
    assert moodreel("run", forty / "empty.jpg", "--quiet", cwd=tmp_path).code == 1
    holder = sqlite3.connect(tmp_path / "moodreel.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        locked = moodreel("run", forty, cwd=tmp_path)
    finally:
        holder.close()
    assert locked.code == 3
    assert "holds the database" in locked.err
    assert "hint:" in locked.err


def _text_file(path: Path) -> None:
    path.write_text("this is no database, it is a text file that is long enough to be looked at\n" * 20)


def _another_program(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()


def _newer(path: Path) -> None:
    moodreel("run", path.parent, "--quiet", "--database", path, cwd=path.parent)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


@pytest.mark.parametrize(
    ("make", "said"), [(_text_file, "not an SQLite database"), (_another_program, "another program"), (_newer, "newer")]
)
@pytest.mark.parametrize("arguments", [("run", "."), ("jobs",), ("query", "SELECT 1")])
def test_what_is_no_database_of_ours_is_refused_and_left_alone(
    make: Callable[[Path], Any], said: str, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    database = tmp_path / "results.db"
    make(database)
    before = database.read_bytes()
    refused = moodreel(*arguments, "--database", database, cwd=tmp_path)
    assert refused.code == 2, refused.err
    assert said in refused.err
    assert "hint:" in refused.err
    assert database.read_bytes() == before
