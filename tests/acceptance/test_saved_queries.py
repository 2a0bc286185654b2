"""Saved queries from the command line: listed, shown, asked by name, a person's own beside ours."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from db.store import Store
from tests.acceptance.runs import moodreel
from tests.support.dbmaking import admit, photo, run_all, start
from workers.settings import file_url


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of one job, and a query of one's own."""
    folder = tmp_path_factory.mktemp("saved")
    with Store.open(file_url(folder / "moodreel.db"), create=True) as store:
        admit(store, start(store, name="pilot"), *(photo(f"{number}.jpg") for number in range(3)))
        run_all(store)
    (folder / "queries").mkdir()
    (folder / "queries" / "first.sql").write_text(
        "-- title: The first files.\n-- param job = latest: The job.\n-- param limit = 1: How many.\n"
        "SELECT path FROM job_file WHERE job_id = :job ORDER BY path LIMIT :limit"
    )
    return folder


def test_the_listing_shows_ours_and_ones_own(folder: Path) -> None:
    listed = json.loads(moodreel("query", "--list", "--format", "json", cwd=folder).out)
    assert [(one["name"], one["origin"]) for one in listed][-1] == ("first", "queries/first.sql")
    assert "dominant-by-file" in [one["name"] for one in listed if one["origin"] == "moodreel"]
    shown = moodreel("query", "--list", cwd=folder).out
    assert "@first " in shown
    assert "job=latest, limit=1" in shown
    assert "LIMIT :limit" in moodreel("query", "--list", "@first", cwd=folder).out


def test_a_saved_query_is_asked_by_its_name_in_every_format(folder: Path) -> None:
    asked = moodreel("query", "@dominant-by-file", "--format", "json", cwd=folder)
    rows = json.loads(asked.out)
    assert [(row["path"], row["dominant"]) for row in rows] == [(f"{number}.jpg", "happiness") for number in range(3)]
    own = ("query", "@first", "--param", "limit=2", "--param", "job=pilot")
    assert moodreel(*own, "--format", "csv", cwd=folder).out == "path\n0.jpg\n1.jpg\n"
    written = moodreel(*own, "--output", "first.parquet", cwd=folder)
    assert written.code == 0
    assert pq.read_table(folder / "first.parquet").to_pylist() == [{"path": "0.jpg"}, {"path": "1.jpg"}]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((), "--list"),
        (("@dominant-by-fil",), "did you mean @dominant-by-file"),
        (("cost",), "did you mean the saved query @cost"),
        (("@emotion-over-time",), "give --param path=VALUE"),
        (("@cost", "--param", "job=nothing"), "moodreel jobs"),
    ],
)
def test_what_cannot_be_asked_ends_with_a_hint(folder: Path, arguments: tuple[str, ...], hint: str) -> None:
    ended = moodreel("query", *arguments, cwd=folder)
    assert (ended.code, ended.out) == (2, "")
    assert hint in ended.err.split("hint: ")[1]
