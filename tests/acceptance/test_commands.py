"""The commands around a run, as a person types them."""

import csv
import io
import json
import sqlite3
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import moodreel, sql, start


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database: a clip in a sub-folder, a photo with an odd name, a broken file, tags."""
    folder = tmp_path_factory.mktemp("commands")
    media = folder / "media"
    (media / "p01").mkdir(parents=True)
    write_clip(media / "p01" / "clip.mp4", 1, seconds=3)
    write_photo(media / "esc\x1b[31m<b>.jpg", 2)
    (media / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    (folder / "files.csv").write_text("path,participant\nmedia/p01/clip.mp4,p01\nmedia/nowhere.mp4,p02\n")
    ended = moodreel("run", "media", "--name", "pilot", "--tag", "a=b", "--manifest", "files.csv", cwd=folder)
    assert ended.code == 1, ended.err
    assert f"1 row of the manifest matches no file: {media / 'nowhere.mp4'}" in ended.err
    return folder


def test_a_job_is_found_by_name_by_the_end_of_its_id_and_as_the_latest(folder: Path) -> None:
    ((job,),) = sql(folder / "moodreel.db", "SELECT id FROM job")
    for reference in ("pilot", job[-8:], job, "latest"):
        assert moodreel("status", reference, "--json", cwd=folder).summary["job"] == job


def test_jobs_lists_what_was_asked(folder: Path) -> None:
    ended = moodreel("jobs", cwd=folder)
    assert "pilot" in ended.out
    assert "finished (some failed)" in ended.out


def test_nothing_printed_commands_the_terminal(folder: Path) -> None:
    for arguments in (("status",), ("query", "SELECT path FROM emotions"), ("run", "media")):
        ended = moodreel(*arguments, cwd=folder)
        assert "\x1b" not in ended.out + ended.err
    assert "esc\\x1b[31m<b>.jpg" in moodreel("query", "SELECT DISTINCT path FROM emotions", cwd=folder).out


def test_a_query_answers_in_every_format(folder: Path) -> None:
    statement = "SELECT path, time_s, happiness FROM emotions WHERE time_s >= :from ORDER BY time_s"
    wanted = ("query", statement, "--param", "from=1")
    text = moodreel(*wanted, "--format", "csv", cwd=folder).out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["time_s"]) for row in rows] == [1.0, 2.0]
    assert len(json.loads(moodreel(*wanted, "--format", "json", cwd=folder).out)) == 2
    assert len(moodreel(*wanted, "--format", "jsonl", cwd=folder).out.splitlines()) == 2
    assert moodreel(*wanted, "--output", "answer.parquet", cwd=folder).code == 0
    assert pq.read_table(folder / "answer.parquet").column("time_s").to_pylist() == [1.0, 2.0]


def test_a_query_cannot_write_and_a_wrong_name_gets_a_suggestion(folder: Path) -> None:
    before = (folder / "moodreel.db").read_bytes()
    refused = moodreel("query", "DELETE FROM face", cwd=folder)
    assert refused.code == 2
    assert "hint:" in refused.err
    misspelt = moodreel("query", "SELECT hapiness FROM emotions", cwd=folder)
    assert misspelt.code == 2
    assert "happiness" in misspelt.err
    assert (folder / "moodreel.db").read_bytes() == before


def test_exports_hold_the_rows_of_the_job_and_are_not_replaced(folder: Path) -> None:
    for name in ("out.csv", "out.parquet", "out.jsonl"):
        assert moodreel("export", "pilot", "--output", name, cwd=folder).code == 0
        refused = moodreel("export", "pilot", "--output", name, cwd=folder)
        assert refused.code == 2
        assert "--force" in refused.err
        assert moodreel("export", "pilot", "--output", name, "--force", cwd=folder).code == 0
    table = pq.read_table(folder / "out.parquet")
    stored = sql(folder / "moodreel.db", "SELECT path, time_s, happiness FROM job_emotions WHERE job_name = 'pilot'")
    read = [tuple(row[name] for name in ("path", "time_s", "happiness")) for row in table.to_pylist()]
    assert sorted(read) == sorted(stored)
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    tags = [line["tags"] for line in lines if line["path"] == "p01/clip.mp4"]
    assert tags == [{"a": "b", "participant": "p01"}] * 3


def test_an_export_goes_to_stdout_with_a_dash(folder: Path) -> None:
    ended = moodreel("export", "latest", "--output", "-", "--table", "frames", cwd=folder)
    assert len(ended.out.splitlines()) == 1 + 4


def test_a_reader_that_closes_early_is_no_error(folder: Path) -> None:
    process = start("query", "SELECT * FROM emotions, frames, frames AS more", "--format", "csv", cwd=folder)
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert process.stdout.readline().startswith("path,")
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_the_schema_describes_every_view(folder: Path) -> None:
    described = moodreel("schema", "--json", cwd=folder).summary
    assert {relation["name"] for relation in described} >= {"emotions", "frames", "media_summary", "problems"}


def test_a_backup_is_a_whole_database(folder: Path) -> None:
    assert moodreel("db", "backup", "copy.db", cwd=folder).code == 0
    count = "SELECT count(*) FROM emotions"
    assert sql(folder / "copy.db", count) == sql(folder / "moodreel.db", count)
    assert moodreel("db", "backup", "copy.db", cwd=folder).code == 2
    assert moodreel("db", "upgrade", cwd=folder).code == 0


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    fresh = moodreel("run", folder / "media", "--dry-run", "--every", "500ms", "--json", cwd=tmp_path)
    assert fresh.code == 1
    assert fresh.summary["frames_to_analyse"] == 6 + 1
    assert list(tmp_path.iterdir()) == []
    known = moodreel("run", "media", "--dry-run", "--json", cwd=folder)
    assert known.summary["frames_to_analyse"] == 0


def test_doctor_finds_this_machine_fit_and_models_verify(folder: Path) -> None:
    ended = moodreel("doctor", "--json", cwd=folder, MOODREEL_WORKRS="2")
    assert ended.code == 0, ended.out
    notes = [finding["found"] for finding in ended.summary if finding["verdict"] == "note"]
    assert any("MOODREEL_WORKRS" in note for note in notes)
    assert moodreel("models", "verify", cwd=folder).code == 0
    names = [card["name"] for card in moodreel("scorers", "--json", cwd=folder).summary]
    assert names[:3] == ["ferplus", "ferplus-zoo", "none"]


def test_a_model_that_is_not_here_is_refused_with_the_command_that_fetches_it(folder: Path, tmp_path: Path) -> None:
    refused = moodreel(
        "run", folder / "media", "--scorer", "ferplus-zoo", cwd=tmp_path, MOODREEL_MODEL_CACHE=str(tmp_path / "cache")
    )
    assert refused.code == 2
    assert "moodreel models fetch ferplus-zoo" in refused.err
    wrong = tmp_path / "page.onnx"
    wrong.write_text("<html>sign in</html>")
    fetched = moodreel(
        "models", "fetch", "ferplus-zoo", "--from", wrong, cwd=tmp_path, MOODREEL_MODEL_CACHE=str(tmp_path / "cache")
    )
    assert fetched.code == 2
    assert "hint:" in fetched.err
    assert not list((tmp_path / "cache").glob("*.onnx"))


def test_detection_alone_leaves_the_scores_empty(folder: Path, tmp_path: Path) -> None:
    assert moodreel("run", folder / "media" / "p01", "--scorer", "none", "--quiet", cwd=tmp_path).code == 0
    found = sql(tmp_path / "moodreel.db", "SELECT DISTINCT dominant, happiness, valence FROM emotions")
    assert found == [(None, None, None)]


def test_forgetting_takes_a_recording_out_of_the_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "media").symlink_to(folder / "media")
    assert moodreel("run", "media", "--quiet", "--name", "study", cwd=tmp_path).code == 1
    asked = moodreel("forget", "media/p01/clip.mp4", cwd=tmp_path)
    assert asked.code == 2
    assert "--yes" in asked.err
    assert moodreel("forget", "media/p01/clip.mp4", "--yes", cwd=tmp_path).code == 0
    database = tmp_path / "moodreel.db"
    assert sql(database, "SELECT count(*) FROM media WHERE kind = 'video'") == [(0,)]
    assert b"clip.mp4" not in database.read_bytes()
    assert moodreel("forget", "study", "--yes", cwd=tmp_path).code == 0
    assert sql(database, "SELECT count(*) FROM media") == [(0,)]


def test_settings_come_from_a_file_in_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "moodreel.toml").write_text(f'database_url = "{folder / "moodreel.db"}"\n')
    assert moodreel("status", cwd=tmp_path).code == 0


def test_plain_sqlite_reads_the_results(folder: Path) -> None:
    connection = sqlite3.connect(folder / "moodreel.db")
    try:
        rows = connection.execute("SELECT dominant, count(*) FROM emotions GROUP BY 1").fetchall()
    finally:
        connection.close()
    assert sum(count for _, count in rows) == 4
