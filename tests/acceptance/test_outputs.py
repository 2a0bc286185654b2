"""Where answers go: streams closed, full or not of UTF-8, files that cannot be, a database one may only read."""

import csv
import io
import json
import resource
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from db.store import Store
from jobs.discover import Filters
from jobs.submit import Wish, build_request
from tests.acceptance.runs import Ended, clean_environment, command, moodreel, start
from tests.support import dbmaking
from workers.analysis import DetectorSpec, Sampling, ScorerSpec
from workers.settings import file_url

QUERY = ("query", "SELECT 'é😀' AS a, 9e999 AS b, x'00ff' AS c")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of one finished job, `pilot`, and a folder of recordings."""
    folder = tmp_path_factory.mktemp("outputs")
    (folder / "media").mkdir()
    (folder / "media" / "a.jpg").write_bytes(b"")
    wish = Wish([str(folder / "media")], Sampling(), DetectorSpec(), ScorerSpec("none"), Filters(), "pilot", {}, None)
    with Store.open(file_url(folder / "moodreel.db"), create=True) as store:
        job = dbmaking.start(store, name="pilot", request_json=build_request(wish).to_json())
        dbmaking.admit(store, job, *(dbmaking.photo(f"{number}.jpg") for number in range(30)))
        dbmaking.run_all(store)
        store.jobs.seal(job.id)
    return folder


def in_shell(redirection: str, *arguments: str | Path, cwd: Path, **environment: str) -> Ended:
    """Run a command with its streams as a shell redirects them."""
    ended = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *command(*arguments)],
        cwd=cwd,
        env=clean_environment(**environment),
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def side_by_side(commands: Sequence[tuple[str, ...]], cwd: Path) -> list[Ended]:
    """How these end, run at once by somebody whom file permissions bind."""
    processes = [start(*arguments, cwd=cwd, ordinary=True) for arguments in commands]
    said = [process.communicate(timeout=60) for process in processes]
    return [Ended(process.returncode, *texts) for process, texts in zip(processes, said, strict=True)]


def refused(ended: Ended, code: int, said: str) -> None:
    assert ended.code == code, ended.err
    assert said in ended.err
    assert "hint:" in ended.err
    assert "Traceback" not in ended.err
    assert "Exception ignored" not in ended.err


@pytest.mark.parametrize(("redirection", "code", "said"), [(">/dev/full", 3, "full"), (">&-", 2, "closed")])
@pytest.mark.parametrize(
    ("arguments", "unbuffered"), [(("jobs",), ""), (("jobs",), "1"), (("export", "pilot", "-o", "-"), "")]
)
def test_output_that_is_lost_is_said_once(
    arguments: tuple[str, ...], unbuffered: str, redirection: str, code: int, said: str, folder: Path
) -> None:
    ended = in_shell(redirection, *arguments, cwd=folder, PYTHONUNBUFFERED=unbuffered)
    refused(ended, code, said)
    assert ended.err.count("error:") == 1


def test_closed_streams_that_nothing_is_written_to_do_no_harm(folder: Path, tmp_path: Path) -> None:
    ended = in_shell("<&- >&- 2>&-", "export", "pilot", "-o", tmp_path / "a.csv", cwd=folder)
    assert ended == Ended(0, "", "")
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 30


def test_messages_that_nobody_can_read_end_no_run(folder: Path, tmp_path: Path) -> None:
    ended = in_shell("2>/dev/full", "run", folder / "media", "--dry-run", "--json", cwd=tmp_path)
    assert ended.code == 1
    assert json.loads(ended.out)["counts"]["files_failed"] == 1


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "table"])
def test_a_locale_without_utf_8_changes_no_data_and_escapes_what_is_for_the_screen(form: str, folder: Path) -> None:
    ended = in_shell("", *QUERY, "--format", form, cwd=folder, PYTHONIOENCODING="ascii")
    assert ended.code == 0, ended.err
    if form == "csv":
        assert list(csv.reader(io.StringIO(ended.out))) == [["a", "b", "c"], ["é😀", "inf", "00ff"]]
    elif form == "table":
        assert ended.out.splitlines()[-1].split(" | ") == ["\\xe9\\U0001f600", "inf", "00ff"]
    else:
        loaded = json.loads(ended.out)
        assert (loaded if form == "jsonl" else loaded[0]) == {"a": "é😀", "b": None, "c": "00ff"}


def test_a_statement_on_stdin_is_utf_8_too(folder: Path) -> None:
    ended = in_shell("<sql", "query", "-", "-f", "csv", cwd=_with_sql(folder), PYTHONIOENCODING="ascii")
    assert ended.out == "a\né\n"


def _with_sql(folder: Path) -> Path:
    (folder / "sql").write_text("SELECT 'é' AS a", "utf-8")
    return folder


def test_the_format_follows_from_the_file_or_is_asked_for(folder: Path, tmp_path: Path) -> None:
    def query(*arguments: str | Path) -> Ended:
        return moodreel("query", "SELECT 1 AS a UNION SELECT 'x' UNION SELECT 2.5", *arguments, cwd=folder)

    assert query("-o", tmp_path / "a.json").code == 0
    assert json.loads((tmp_path / "a.json").read_text()) == [{"a": 1}, {"a": 2.5}, {"a": "x"}]
    assert query("-o", tmp_path / "a.parquet").code == 0
    assert pq.read_table(tmp_path / "a.parquet").to_pydict() == {"a": ["1", "2.5", "x"]}
    assert query("-o", "-", "-f", "csv").out == "a\n1\n2.5\nx\n"
    refused(query("-o", tmp_path / "a.txt", "-f", "table"), 2, "a table is for the screen")
    refused(query("-o", tmp_path / "a.txt"), 2, "which format")


def test_no_answer_replaces_the_database(folder: Path) -> None:
    before = (folder / "moodreel.db").read_bytes()
    for arguments in (("query", "SELECT 1"), ("export", "pilot")):
        ended = moodreel(*arguments, "-o", "media/../moodreel.db", "-f", "csv", "--force", cwd=folder)
        refused(ended, 2, "is the database itself")
    assert (folder / "moodreel.db").read_bytes() == before


def test_two_columns_of_one_name_are_refused_where_one_would_be_lost(folder: Path) -> None:
    twins = ("query", "SELECT 1 AS a, 2 AS a")
    refused(moodreel(*twins, "-f", "json", cwd=folder), 2, "two columns are called 'a'")
    assert moodreel(*twins, "-f", "csv", cwd=folder).out == "a,a\n1,2\n"


def test_a_disk_that_fills_during_an_export_is_no_wrong_usage(folder: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        ended = subprocess.run(
            command("export", "pilot", "-o", tmp_path / name),
            cwd=folder,
            env=clean_environment(),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        refused(Ended(ended.returncode, ended.stdout, ended.stderr), 3, "the disk is full")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("wrong", "said"), [("x" * 300 + ".csv", "too long"), ("closed/a.csv", "Permission denied")])
def test_a_name_that_cannot_be_is_refused_in_words(wrong: str, said: str, folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o600, exist_ok=True)
    tried = (("jobs", "--database", wrong), ("export", "pilot", "-o", wrong), ("db", "backup", wrong))
    for ended in side_by_side(tried, folder):
        refused(ended, 2, said)


def test_a_folder_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", 'mkdir gone; cd gone; rmdir ../gone; exec "$@"', "sh", *command("jobs")],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    refused(Ended(ended.returncode, ended.stdout, ended.stderr), 2, "the current folder is gone")


def test_a_database_that_may_only_be_read_is_read_and_not_run_upon(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "moodreel.db", tmp_path / "moodreel.db")
    (tmp_path / "moodreel.db").chmod(0o444)
    (tmp_path / "moodreel.db.lock").touch(mode=0o444)
    tmp_path.chmod(0o555)
    reads = [("jobs",), ("status",), ("query", "SELECT 1"), ("export", "pilot", "-o", "-")]
    writes = [("run", str(folder / "media")), ("resume", "pilot"), ("retry", "pilot"), ("db", "upgrade")]
    ends = side_by_side(reads + writes, tmp_path)
    tmp_path.chmod(0o755)
    for ended in ends[: len(reads)]:
        assert ended.code == 0, ended.err
    for ended in ends[len(reads) :]:
        refused(ended, 2, "moodreel.db.lock may not be used")


def test_an_upgrade_of_a_misspelt_name_makes_nothing(tmp_path: Path) -> None:
    refused(moodreel("db", "upgrade", "--database", "nofolder/typo.db", cwd=tmp_path), 2, "no database at")
    assert list(tmp_path.iterdir()) == []
