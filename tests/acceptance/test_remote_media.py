"""`moodreel run s3://...`: the same rows as from a folder, nothing downloaded twice, one bad object costs one row."""

from pathlib import Path

import pytest

from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import moodreel, rows, sql
from tests.support.objectstore import BUCKET, ObjectStore

URL = f"s3://{BUCKET}/study"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos and clips in sub-folders, a film that is none, an empty photo, and a text."""
    made = tmp_path_factory.mktemp("study")
    for day in (1, 2):
        (made / f"day {day}").mkdir()
        for number in range(3):
            write_photo(made / f"day {day}" / f"p{number}.jpg", 3 * day + number)
        write_clip(made / f"day {day}" / "clip ä.mp4", day)
    (made / "not a film.mp4").write_text("this is text")
    (made / "empty.jpg").write_bytes(b"")
    (made / "notes.txt").write_text("passed over")
    (made / ".hidden.jpg").write_bytes(b"x")
    return made


def upload(objects: ObjectStore, folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            objects.put(f"study/{path.relative_to(folder)}", path.read_bytes())


def test_a_run_over_a_url_equals_the_run_over_the_folder_and_the_next_downloads_nothing(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    upload(objects, folder)
    here = moodreel("run", folder, "--database", tmp_path / "here.db", "--json", cwd=tmp_path)
    settings = {"MOODREEL_CACHE": str(tmp_path / "cache")}
    there = moodreel("run", URL + "/", "--database", tmp_path / "there.db", "--json", cwd=tmp_path, **settings)
    assert (here.code, there.code) == (1, 1), there.err
    assert rows(tmp_path / "there.db") == rows(tmp_path / "here.db")
    assert there.summary["counts"] == here.summary["counts"]
    assert set(objects.reads().values()) == {1}
    assert not {"study/notes.txt", "study/.hidden.jpg"} & set(objects.reads())
    assert sql(tmp_path / "there.db", "SELECT DISTINCT root FROM job_file") == [(URL.encode(),)]
    objects.asked.clear()
    again = moodreel("run", URL, "--database", tmp_path / "there.db", "--json", cwd=tmp_path, **settings)
    assert again.code == 1
    (tmp_path / "tags.csv").write_text(f"path,who\n{URL}/day 1/p0.jpg,ann\n")
    finer = moodreel(
        "run",
        URL,
        "--fps",
        "2",
        "--database",
        tmp_path / "there.db",
        "--json",
        "--manifest",
        tmp_path / "tags.csv",
        cwd=tmp_path,
        **settings,
    )
    assert finer.summary["segments_run"] == 2, finer.err
    assert not objects.reads()
    assert sql(tmp_path / "there.db", "SELECT path, value FROM tag JOIN job_file ON id = job_file_id") == [
        ("day 1/p0.jpg", "ann")
    ]


def test_a_missing_and_a_denied_object_are_a_row_each_and_can_be_retried(
    objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    upload(objects, folder)
    objects.deny("study/day 1/p1.jpg")
    paths = (f"{URL}/day 1", f"{URL}/day 2/gone.jpg")
    settings = {"MOODREEL_CACHE": str(tmp_path / "cache")}
    ended = moodreel("run", *paths, cwd=tmp_path, **settings)
    assert ended.code == 1, ended.err
    database = tmp_path / "moodreel.db"
    assert sql(database, "SELECT path, code FROM problems ORDER BY path") == [
        ("gone.jpg", "remote.not_found"),
        ("p1.jpg", "remote.denied"),
    ]
    assert sql(database, "SELECT count(*) FROM segment WHERE state = 'done'") == [(3,)]
    objects.refused.clear()
    objects.put("study/day 2/gone.jpg", (folder / "day 2" / "p2.jpg").read_bytes())
    retried = moodreel("retry", "latest", cwd=tmp_path, **settings)
    assert retried.code == 0, retried.err
    assert sql(database, "SELECT count(*) FROM problems") == [(0,)]
    forgotten = moodreel("forget", f"{URL}/day 1/p1.jpg", "--yes", cwd=tmp_path, **settings)
    assert forgotten.code == 0, forgotten.err
    forgotten = moodreel("forget", f"{URL}/day 1", "--yes", cwd=tmp_path, **settings)
    assert sql(database, "SELECT path FROM job_file") == [("gone.jpg",)]


def test_urls_that_cannot_be_meant_are_wrong_usage(tmp_path: Path) -> None:
    for url in ("s3://AKIAX:hunter2@films/a", "simplecache::s3://films/a", "file:///etc", "gs://films"):
        ended = moodreel("run", url, cwd=tmp_path)
        assert (ended.code, "hint:" in ended.err, "hunter2" in ended.err) == (2, True, False)
    assert list(tmp_path.iterdir()) == []
