"""The page for notebooks: its commands and recipes, run from top to bottom, find what the database holds."""

import csv
import math
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from db.emotions import EMOTIONS
from tests.acceptance import notebook
from tests.acceptance.notebook import PARTICIPANTS, TWO
from tests.acceptance.runs import sql
from tests.support.databases import reader_url

MEASURES = (*EMOTIONS, "valence")
MEANS = ", ".join(f"avg({name})" for name in MEASURES)
SUMS = ", ".join(f"sum({name})" for name in MEASURES)
NUMBERED = ("job", "job_file", "media", "analysis")
"""Columns that are others in each database."""
# As a service does that answers in part.
UNSCORED = f"UPDATE face SET dominant = NULL, {', '.join(f'{name} = NULL' for name in MEASURES)} WHERE pts % 7 = 3"
Truth = Callable[[str], list[tuple[Any, ...]]]
Found = dict[str, Any]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page's commands were typed, with an SQLite file: it holds what is true."""
    folder = tmp_path_factory.mktemp("study")
    notebook.write_study(folder)
    notebook.type_commands(folder, lambda: notebook.change(folder / "moodreel.db", UNSCORED))
    return folder


@pytest.fixture
def place(
    backend: str,
    study: Path,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[None]:
    """Where the notebook is: in the folder of the study, or in one like it whose results are on a server."""
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    if backend == "sqlite":
        monkeypatch.chdir(study)
        yield
        return
    server = request.getfixturevalue("postgres")
    shutil.copytree(study / "recordings", tmp_path / "recordings")
    shutil.copy(study / "participants.csv", tmp_path)
    with server.connect(str(make_url(database_url).database)) as connection:
        notebook.type_commands(tmp_path, lambda: connection.execute(UNSCORED), MOODREEL_DATABASE_URL=database_url)
    monkeypatch.chdir(tmp_path)
    with contextmanager(reader_url)(server, database_url) as login:
        monkeypatch.setenv("MOODREEL_QUERY_DATABASE_URL", login)
        yield


def test_every_recipe_of_the_page_finds_what_the_database_holds(place: None, backend: str, study: Path) -> None:
    found: Found = {"__name__": "notebook"}
    try:
        for number, recipe in enumerate(notebook.recipes(backend)):
            exec(compile(recipe, f"recipe {number}", "exec"), found)  # noqa: S102
        for check in CHECKS:
            check(found, lambda statement: sql(study / "moodreel.db", statement))
    finally:
        close(found)


def close(found: Found) -> None:
    """What a notebook leaves open."""
    from matplotlib import pyplot

    pyplot.close("all")
    if db := found.get("db"):
        (db.close if isinstance(db, sqlite3.Connection) else db.dispose)()


def rows(frame: Any, *names: str) -> list[tuple[Any, ...]]:
    """The rows of a frame of pandas, its index first where it has a name; what is missing is None."""
    plain = frame.reset_index() if any(frame.index.names) else frame
    picked = plain[list(names)] if names else plain
    values = picked.astype(object).where(picked.notna(), None)
    return [tuple(row) for row in values.itertuples(index=False)]


def same(given: Iterable[Sequence[Any]], expected: Iterable[Sequence[Any]]) -> None:
    """Row by row equal, numbers to 1e-9; there is at least one row."""
    given, expected = list(given), list(expected)
    assert expected
    assert len(given) == len(expected)
    for one, other in zip(given, expected, strict=True):
        assert len(one) == len(other)
        assert all(map(near, one, other)), f"{one} is not {other}"


def near(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return bool(one == other)


def the_database_is_read(found: Found, truth: Truth) -> None:
    select = "SELECT path, duration_s, frames, faces, share_happiness, mean_valence FROM media_summary ORDER BY path"
    same(sorted(rows(found["files"])), truth(select))


def a_row_is_a_face(found: Found, truth: Truth) -> None:
    faces = found["faces"]
    assert faces.time_s.tolist() == [
        row[0] for row in truth("SELECT time_s FROM job_emotions ORDER BY path, time_s, face")
    ]
    same([[faces[name].sum() for name in MEASURES]], truth(f"SELECT {SUMS} FROM job_emotions"))
    ((unscored, untracked),) = truth("SELECT count(*) - count(dominant), count(*) - count(track) FROM job_emotions")
    assert faces.dominant.isna().sum() == unscored > 0
    assert found["exact"].track.isna().sum() == untracked == 1
    assert str(found["exact"].track.dtype) == "Int64"


def files_have_means_and_shares(found: Found, truth: Truth) -> None:
    by_file = f"SELECT path, {MEANS} FROM job_emotions GROUP BY job_file, path ORDER BY path"
    same(sorted(rows(found["by_file"], "path", *MEASURES)), truth(by_file))
    share = "CAST(count(*) AS REAL) / sum(count(*)) OVER (PARTITION BY path)"
    mostly = f"SELECT path, dominant, {share} FROM job_emotions WHERE dominant IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2"
    same(sorted(rows(found["mostly"].to_frame())), truth(mostly))


def a_curve_has_every_second_and_breaks_where_nobody_is_seen(found: Found, truth: Truth) -> None:
    curve = found["curve"]
    assert curve.index.tolist() == [0, 1, 2, 3, 4, 5]
    assert curve.mean_valence.isna().tolist() == [False, False, True, False, True, False]
    assert curve.faces.isna().tolist() == [False, False, False, False, True, False]
    seen = f"SELECT second, faces, mean_happiness, mean_valence FROM job_timeline WHERE path = '{TWO}' ORDER BY second"
    same(rows(curve[curve.faces.notna()], "second", "faces", "mean_happiness", "mean_valence"), truth(seen))
    assert Path("ad1.png").read_bytes().startswith(b"\x89PNG")


def steps_are_cut_from_the_start_of_the_recording(found: Found, truth: Truth) -> None:
    step = "CAST(round(time_s * 1000000) AS INTEGER) / 500000"
    select = f"SELECT 0.5 * ({step}), {MEANS} FROM job_emotions WHERE path = '{TWO}' GROUP BY 1 ORDER BY 1"
    steps = found["steps"]
    assert steps.index[0].total_seconds() == 0.5  # with `resample` it would be the first face, which is later
    same(rows(steps.set_index(steps.index.total_seconds().rename("step"))), truth(select))


def tags_are_columns(found: Found, truth: Truth) -> None:
    keys = ("participant", "condition", "stimulus")
    tagged = ", ".join(f"(SELECT value FROM tag WHERE job_file_id = e.job_file AND key = '{key}')" for key in keys)
    expected = truth(f"SELECT path, {tagged} FROM job_emotions AS e ORDER BY path, time_s, face")
    assert rows(found["faces"], "path", *keys) == expected
    assert ("photo.jpg", None, None, None) in expected


BY_PARTICIPANT = """
    SELECT c.value, p.value, avg(r.valence)
    FROM (SELECT job_file, avg(valence) AS valence FROM job_emotions GROUP BY job_file) AS r
    JOIN tag AS c ON c.job_file_id = r.job_file AND c.key = 'condition'
    JOIN tag AS p ON p.job_file_id = r.job_file AND p.key = 'participant'
    GROUP BY 1, 2 ORDER BY 1, 2
"""


def valences(truth: Truth, key: Callable[[Sequence[Any]], str]) -> dict[str, list[float]]:
    """The mean valence of each participant, by group."""
    found: dict[str, list[float]] = {}
    for row in truth(BY_PARTICIPANT):
        found.setdefault(key(row), []).append(row[2])
    return dict(sorted(found.items()))


def with_error(groups: dict[str, list[float]]) -> list[tuple[Any, ...]]:
    return [(name, mean(them), stdev(them) / math.sqrt(len(them)), len(them)) for name, them in groups.items()]


def a_condition_is_the_mean_of_its_participants(found: Found, truth: Truth) -> None:
    same(rows(found["by_participant"], "condition", "participant", "valence"), truth(BY_PARTICIPANT))
    groups = valences(truth, lambda row: row[0])
    assert {name: len(them) for name, them in groups.items()} == {"cold": 2, "warm": 2}
    same(rows(found["by_condition"].valence), with_error(groups))
    # Of two values drawn twice, each comes out alone in a quarter of the rounds.
    same(rows(found["bands"]), [(name, min(them), max(them)) for name, them in groups.items()])


def a_track_is_one_person(found: Found, truth: Truth) -> None:
    tracks = f"SELECT track, start_s, end_s, frames, mean_valence FROM track_summary WHERE path = '{TWO}' ORDER BY 1"
    same(rows(found["people"]), truth(tracks))
    longest, *others = truth(f"SELECT track, frames FROM track_summary WHERE path = '{TWO}' ORDER BY frames DESC")
    assert all(frames < longest[1] for _, frames in others)
    person = f"SELECT time_s, happiness FROM job_emotions WHERE path = '{TWO}' AND track = {longest[0]} ORDER BY time_s"
    assert rows(found["person"], "time_s", "happiness") == truth(person)
    assert len(found["person"]) == longest[1]


def participants_are_joined(found: Found, truth: Truth) -> None:
    ((count,),) = truth("SELECT count(*) FROM job_emotions")
    assert len(found["joined"]) == count
    assert found["unknown"].tolist() == ["photo.jpg"]
    listed = {who: (int(age), group) for who, age, group in csv.reader(PARTICIPANTS.splitlines()[1:])}
    same(rows(found["by_group"]), with_error(valences(truth, lambda row: listed[row[1]][1])))
    tagged = "job_emotions JOIN tag ON job_file_id = job_file"
    each = truth(f"SELECT value, count(*) FROM {tagged} WHERE key = 'participant' GROUP BY 1")
    same(rows(found["ages"]), sorted((listed[who][0], faces) for who, faces in each))


def exports_hold_the_same(found: Found, truth: Truth) -> None:
    exported, faces = found["exported"], found["faces"]
    assert list(exported.columns) == list(faces.columns[: len(exported.columns)])
    names = [name for name in exported.columns if name not in NUMBERED]
    everything = truth(f"SELECT {', '.join(names)} FROM job_emotions ORDER BY path, time_s, face")
    assert rows(exported, *names) == everything
    assert rows(found["valence"]) == truth("SELECT path, time_s, valence FROM job_emotions ORDER BY path, time_s, face")
    paths = set(faces.path[faces.media.isin([1, 2])])
    assert len(paths) == 2
    assert sorted(rows(found["some"], *names), key=repr) == sorted((r for r in everything if r[0] in paths), key=repr)
    lines = "SELECT second, participant, mean_valence FROM job_timeline WHERE stimulus = 'ad1' AND faces_scored > 0"
    given = found["lines"].stack().dropna().reset_index()
    same(sorted(rows(given)), sorted(truth(lines)))


def groups_have_means_and_bands(found: Found, truth: Truth) -> None:
    ad1 = "FROM group_timeline WHERE tag = 'condition' AND stimulus = 'ad1' AND measure = 'valence'"
    columns = ("value", "second", "n", "mean", "low", "high")
    same(sorted(rows(found["shown"], *columns)), truth(f"SELECT {', '.join(columns)} {ad1} ORDER BY 1, 2"))
    same(
        sorted(rows(found["levels"].stack().dropna().reset_index())),
        truth(f"SELECT second, value, mean {ad1} AND n > 0 ORDER BY 1, 2"),
    )


def duckdb_finds_the_same(found: Found, truth: Truth) -> None:
    happiest = "SELECT path, avg(happiness), count(happiness) FROM job_emotions GROUP BY path ORDER BY 2 DESC"
    same(rows(found["happiest"]), truth(happiest))
    paths = found["faces"].drop_duplicates("media").set_index("media").path
    recordings = found["recordings"].assign(path=found["recordings"].media.map(paths)).sort_values("path")
    each = truth("SELECT path, count(*), avg(valence) FROM job_emotions GROUP BY path ORDER BY path")
    same(rows(recordings, "path", "faces", "valence"), each)
    same(rows(found["conditions"]), [row[:3] for row in with_error(valences(truth, lambda row: row[0]))])


def polars_finds_the_same(found: Found, truth: Truth) -> None:
    same(found["means"].rows(), truth(f"SELECT path, count(*), {MEANS} FROM job_emotions GROUP BY 1 ORDER BY 1"))
    warm = truth(
        "SELECT path, time_s, happiness FROM job_emotions JOIN tag ON job_file_id = job_file WHERE value = 'warm'"
    )
    assert sorted(found["warm"].select("path", "time_s", "happiness").rows(), key=repr) == sorted(warm, key=repr)
    asked = truth("SELECT path, time_s, track, valence FROM job_emotions")
    given = found["asked"].select("path", "time_s", "track", "valence").rows()
    assert sorted(given, key=repr) == sorted(asked, key=repr)


CHECKS = (
    the_database_is_read,
    a_row_is_a_face,
    files_have_means_and_shares,
    a_curve_has_every_second_and_breaks_where_nobody_is_seen,
    steps_are_cut_from_the_start_of_the_recording,
    tags_are_columns,
    a_condition_is_the_mean_of_its_participants,
    a_track_is_one_person,
    participants_are_joined,
    exports_hold_the_same,
    groups_have_means_and_bands,
    duckdb_finds_the_same,
    polars_finds_the_same,
)
