"""`forget` as a person types it, from inside the folders: it takes what was meant, and never more."""

import json
import os
from pathlib import Path

import pytest

from db.store import Store
from tests.acceptance.runs import moodreel, sql
from tests.support.dbmaking import admit, photo, start


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two participants' folders, each analysed from its own root, with a file of the same name in each."""
    with Store.open(f"sqlite:///{tmp_path}/moodreel.db", create=True) as store:
        job = start(store, name="pilot")
        for who in ("p01", "p02"):
            folder = tmp_path / who
            folder.mkdir()
            for name in ("ad1.jpg", f"{who}.jpg"):
                (folder / name).write_text(who)
                admit(store, job, photo(name, content=who + name, root=os.fsencode(folder)))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "ad1.jpg").write_text("never analysed")
    return tmp_path


def left(study: Path) -> list[str]:
    found = sql(study / "moodreel.db", "SELECT root || '/' || relative FROM job_file ORDER BY id")
    return [os.path.relpath(os.fsdecode(path), study) for (path,) in found]


def forget(study: Path, what: str, *options: str, cwd: str = "."):  # type: ignore[no-untyped-def]
    database = f"sqlite:///{study}/moodreel.db"
    return moodreel("forget", what, *options, "--database", database, cwd=study / cwd)


def test_an_empty_name_forgets_nothing(study: Path) -> None:
    for what in ("", "  "):
        ended = forget(study, what, "--yes")
        assert ended.code == 2
        assert "nothing is forgotten" in ended.err
        assert "hint:" in ended.err
    assert len(left(study)) == 4


def test_a_file_is_meant_as_seen_from_here(study: Path) -> None:
    assert forget(study, "ad1.jpg", "--yes", cwd="p01").code == 0
    assert left(study) == ["p01/p01.jpg", "p02/ad1.jpg", "p02/p02.jpg"]
    assert forget(study, "../p02/ad1.jpg", "--yes", cwd="p01").code == 0
    assert left(study) == ["p01/p01.jpg", "p02/p02.jpg"]


def test_a_file_that_is_gone_from_the_disk_is_still_meant_as_seen_from_here(study: Path) -> None:
    (study / "p01" / "ad1.jpg").unlink()
    assert forget(study, "ad1.jpg", "--yes", cwd="p01").code == 0
    assert left(study) == ["p01/p01.jpg", "p02/ad1.jpg", "p02/p02.jpg"]


def test_a_name_that_could_be_anybodys_takes_nobodys(study: Path) -> None:
    several = forget(study, "ad1.jpg", "--yes")
    assert several.code == 2
    assert f"{study}/p01/ad1.jpg, {study}/p02/ad1.jpg" in several.err
    never_analysed = forget(study, "ad1.jpg", "--yes", cwd="new")
    assert never_analysed.code == 2
    assert "was not analysed" in never_analysed.err
    assert len(left(study)) == 4


def test_this_folder_is_named_and_counted_before_it_goes(study: Path) -> None:
    asked = forget(study, ".", cwd="p02")
    assert asked.code == 2
    assert f"everything below {study}/p02: 2 recordings (2 files in 1 job), 0 frames, 0 faces" in asked.err
    gone = forget(study, ".", "--yes", "--json", cwd="p02")
    assert f"forgotten: everything below {study}/p02: 2 recordings" in gone.err
    assert json.loads(gone.out)["what"] == f"everything below {study}/p02"
    assert left(study) == ["p01/ad1.jpg", "p01/p01.jpg"]
    alone = forget(study, "p01.jpg")
    assert f"file {study}/p01/p01.jpg: 1 recording (1 file in 1 job)" in alone.err
