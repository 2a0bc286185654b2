"""Exports as people read them: DuckDB, pandas and pyarrow find in each what the database holds."""

import json
import math
import random
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from db.export import Choice
from db.records import ClaimedSegment, Face, Frame, SegmentCommit
from db.store import Store
from jobs.discover import Filters
from jobs.export.job import ExportRequest, export_job, unfinished
from jobs.submit import Wish, build_request
from tests.acceptance.runs import Ended, moodreel
from tests.support import dbmaking, tracking
from workers.analysis import DetectorSpec, Sampling, ScorerSpec
from workers.settings import file_url

SUMS = ("time_s", "happiness", "box_x", "valence")
VIEW = "FROM job_emotions WHERE job_name = 'pilot'"
FORMATS = ("csv", "parquet", "jsonl", "xlsx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a finished job, `pilot`, one that still runs, `going`, and one without faces, `empty`."""
    folder = tmp_path_factory.mktemp("exports")
    (folder / "a.jpg").touch()
    rng = random.Random(1)
    analysis = (Sampling(), DetectorSpec(), ScorerSpec("none"))
    with Store.open(file_url(folder / "moodreel.db"), create=True) as store:
        for number, name in enumerate(("pilot", "going", "empty"), 1):
            request = build_request(Wish([str(folder / "a.jpg")], *analysis, Filters(), name, {}, None))
            job = dbmaking.start(store, number, name=name, request_json=request.to_json())
            files = [dbmaking.video(f"{name}/=sum {at}.mp4", tags={"who": f"P{at}"}) for at in range(4)]
            dbmaking.admit(store, job, *files)
            store.jobs.seal(job.id)
            if name != "going":
                for claimed in store.segments.claim("w", 60.0, 99, job_id=job.id):
                    store.segments.commit([_seen(claimed, rng, 3 if name == "pilot" else 0)])
        tracking.assign_by_side(store)
    return folder


def _seen(claimed: ClaimedSegment, rng: random.Random, faces: int) -> SegmentCommit:
    first = claimed.spec.start_pts or 0
    frames = [
        Frame(first + at, (first + at) / 30.3, tuple(_face(rng) for _ in range(faces)))
        for at in range(claimed.spec.targets)
    ]
    return SegmentCommit(claimed.fence, tuple(frames))


def _face(rng: random.Random) -> Face:
    scores = None if rng.random() < 0.1 else tuple(rng.random() / 8 for _ in range(8))
    return Face(rng.uniform(-10, 2000), 0.1 + 0.2, 1 / 3, 1e-300, None, None, scores)


def sql(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "moodreel.db")
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def export(folder: Path, *arguments: str | Path, job: str = "pilot") -> Ended:
    ended = moodreel("export", job, *arguments, cwd=folder)
    assert ended.code == 0, ended.err
    return ended


def equals_the_database(folder: Path, count: int, times: list[float], sums: list[float]) -> None:
    """The row count, every time, and the sums of what SUMS names."""
    ((stored_count, *stored_sums),) = sql(folder, f"SELECT count(*), {', '.join(f'sum({n})' for n in SUMS)} {VIEW}")
    assert count == stored_count == 4 * 2 * 10 * 3
    assert sorted(times) == sorted(time_s for (time_s,) in sql(folder, f"SELECT time_s {VIEW}"))
    assert all(math.isclose(*pair, rel_tol=1e-9) for pair in zip(sums, stored_sums, strict=True))


def by_duckdb(folder: Path, source: str) -> None:
    with duckdb.connect() as connection:
        ((count, *sums),) = connection.execute(
            f"SELECT count(*), {', '.join(f'sum({n})' for n in SUMS)} FROM {source}"
        ).fetchall()
        times = [time_s for (time_s,) in connection.execute(f"SELECT time_s FROM {source}").fetchall()]
    equals_the_database(folder, count, times, sums)


def by_pandas(folder: Path, frame: pd.DataFrame) -> None:
    equals_the_database(folder, len(frame), frame.time_s.tolist(), [frame[name].sum() for name in SUMS])
    nulls = sql(folder, f"SELECT count(*) - count(dominant) {VIEW}")[0][0]
    assert frame.dominant.isna().sum() == nulls > 0
    assert set(frame.path) == {f"pilot/=sum {at}.mp4" for at in range(4)}


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_read_is_what_the_database_holds(form: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"emotions.{form}"
    export(folder, "--output", path)
    readers = {"csv": "read_csv('{}')", "parquet": "read_parquet('{}')", "jsonl": "read_json('{}')"}
    if form in readers:
        by_duckdb(folder, readers[form].format(path))
    frames = {
        "csv": lambda: pd.read_csv(path),
        "parquet": lambda: pd.read_parquet(path),
        "jsonl": lambda: pd.read_json(path, lines=True, precise_float=True),
        "xlsx": lambda: pd.read_excel(path),
    }
    by_pandas(folder, frames[form]())
    page = (tmp_path / f"emotions.{form}.README.md").read_text("utf-8")
    assert "240 rows" in page
    assert "| box_x | real | Left edge of the face in pixels" in page


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_folder_of_parts_reads_as_one_table(form: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(folder, "--partition-by", "media", "--format", form, "--output", out)
    media = {number for (number,) in sql(folder, f"SELECT DISTINCT media {VIEW}")}
    assert {path.parent.name for path in out.rglob(f"*.{form}")} == {f"media={number}" for number in media}
    assert sorted(path.name for path in out.iterdir()) == ["_README.md", *sorted(f"media={one}" for one in media)]
    reader = {"parquet": "read_parquet", "csv": "read_csv"}[form]
    source = f"{reader}('{out}/*/*.{form}', hive_partitioning = true)"
    by_duckdb(folder, source)
    with duckdb.connect() as connection:
        counted = connection.execute(f"SELECT media, count(*) FROM {source} GROUP BY media ORDER BY media").fetchall()
    assert counted == sql(folder, f"SELECT media, count(*) {VIEW} GROUP BY media ORDER BY media")
    if form == "parquet":
        by_pandas(folder, pd.read_parquet(out))
        assert ds.dataset(out, partitioning="hive").count_rows() == 240


def test_a_parquet_file_says_what_made_it(folder: Path, tmp_path: Path) -> None:
    export(folder, "--output", tmp_path / "a.parquet", "--where", "face = 0", "--no-readme")
    about = {
        key.decode().removeprefix("moodreel."): value.decode()
        for key, value in pq.read_schema(tmp_path / "a.parquet").metadata.items()
    }
    assert about["job"] == dbmaking.job_id(1)
    assert about["job_name"] == "pilot"
    assert about["where"] == "face = 0"
    assert len(about["detector_sha256"]) == 64
    assert json.loads(about["analysis"])["detector"]["model_sha256"] == about["detector_sha256"]
    assert about["program_version"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize("form", FORMATS)
def test_without_rows_the_columns_are_still_there(form: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / f"a.{form}"
    with Store.open(file_url(folder / "moodreel.db")) as store:
        asked = ExportRequest(path, choice=Choice(("path", "time_s")))
        assert export_job(store, store.jobs.find("empty"), asked) == 0
    match form:
        case "csv":
            assert path.read_text() == "path,time_s\n"
        case "parquet":
            assert [str(kind) for kind in pq.read_table(path).schema.types] == ["string", "double"]
        case "xlsx":
            assert list(pd.read_excel(path).columns) == ["path", "time_s"]
        case "jsonl":
            assert path.read_text() == ""
            assert "| time_s | real |" in (tmp_path / "a.jsonl.README.md").read_text()


def test_a_folder_without_rows_reads_as_a_table_without_rows(folder: Path, tmp_path: Path) -> None:
    with Store.open(file_url(folder / "moodreel.db")) as store:
        asked = ExportRequest(tmp_path / "out", form="parquet", choice=Choice(by_media=True))
        assert export_job(store, store.jobs.find("empty"), asked) == 0
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT * FROM read_parquet('{tmp_path}/out/*/*.parquet')")
        names = [column[0] for column in found.description or ()]
        assert {"path", "happiness", "media"} <= set(names)
        assert found.fetchall() == []


def test_a_job_that_still_runs_is_exported_with_a_note(folder: Path, tmp_path: Path) -> None:
    ended = export(folder, "-o", "-", job="going")
    assert ended.err.startswith("note: 8 segments are still to be analysed")
    assert ended.out.startswith("path,time_s")
    assert not export(folder, "-o", "-").err.startswith("note:")


def test_videos_without_tracks_yet_are_noted_where_tracks_would_show(tmp_path: Path) -> None:
    with Store.open(file_url(tmp_path / "moodreel.db"), create=True) as store:
        store.jobs.seal(tracking.complete(store, ("a.mp4", "b.mp4")))
        job = store.jobs.find("latest")
        assert unfinished(store, job, "track_summary") == "2 videos have no tracks yet"
        assert unfinished(store, job, "frames") == ""
        tracking.assign_by_side(store)
        assert unfinished(store, job, "emotions") == ""


def test_nothing_is_replaced_unless_asked_neither_file_nor_page_nor_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv.README.md").write_text("mine")
    for arguments in (("-o", tmp_path / "a.csv"), ("-o", tmp_path, "--partition-by", "media", "-f", "csv")):
        ended = moodreel("export", "pilot", *arguments, cwd=folder)
        assert ended.code == 2
        assert "--force" in ended.err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.csv.README.md": "mine"}
    ended = moodreel("export", "pilot", "-o", tmp_path, "--partition-by", "media", "-f", "csv", "--force", cwd=folder)
    assert ended.code == 2
    assert "no export has written" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (("--where", "hapiness > 0.5"), "--where: no such column: hapiness", "did you mean happiness"),
        (("--where", "load_extension('x') = 1"), "query refuses the function load_extension", "only reads"),
        (("--columns", "path,hapiness"), "emotions has no column 'hapiness'", "did you mean happiness"),
        (("--columns", "dominant"), "cannot tell NULL from an empty text", "--columns"),
        (("--partition-by", "path", "-f", "csv"), "not parted by 'path'", "--partition-by media"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_leaves_nothing(
    arguments: tuple[str, ...], said: str, hint: str, folder: Path, tmp_path: Path
) -> None:
    ended = moodreel("export", "pilot", "-o", tmp_path / "a.csv", *arguments, cwd=folder)
    assert ended.code == 2, ended.err
    assert said in ended.err
    assert hint in ended.err.partition("hint:")[1] + ended.err.partition("hint:")[2]
    assert list(tmp_path.iterdir()) == []
