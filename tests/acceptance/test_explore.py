"""`moodreel explore` as a browser meets it: the real command, spoken to over the network."""

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from db.describe import described
from db.query_saved import all_saved
from db.store import Store
from jobs.explore import FACETS
from tests.acceptance.runs import clean_environment, command, moodreel
from tests.support.dbmaking import admit, photo, rows, run_all, start, unreadable, video
from tests.support.programs import Program, Programs, await_true
from workers.settings import file_url

ADDRESS = re.compile(r"at (http://127\.0\.0\.1:\d+), for this machine alone")


@dataclass(frozen=True)
class Shown:
    """A database that is shown."""

    program: Program
    folder: Path
    url: str

    def get(self, path: str, /, **params: str) -> httpx.Response:
        return httpx.get(f"{self.url}/{path}", params=params, trust_env=False, timeout=60)

    def ask(self, path: str, /, **params: str) -> list[dict[str, object]]:
        answer = self.get(f"moodreel/{path}.json", _shape="array", **params)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, object]] = answer.json()
        return found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A small study, with a query of one's own beside ours; Ctrl-C ends the server."""
    folder = tmp_path_factory.mktemp("explore")
    with Store.open(file_url(folder / "moodreel.db"), create=True) as store:
        admit(store, start(store, 1, name="old"), photo("old.jpg"))
        tags = {"participant": "P1", "condition": "A", "stimulus": "ad1"}
        admit(store, start(store, 2, name="pilot"), video("a.mp4", segments=1, tags=tags), unreadable("bad.mp4"))
        run_all(store)
    (folder / "queries").mkdir()
    (folder / "queries" / "mine.sql").write_text("-- param who = 'me': Who.\nSELECT :who AS who")
    (folder / "queries" / "problems.sql").write_text("SELECT 1")
    (folder / "queries" / "broken.sql").write_bytes(b"SELECT '\xff'")
    with Programs() as programs:
        explore = command("explore", "--no-browser")
        program = programs.start("explore", explore, cwd=folder, env=clean_environment())
        await_true(lambda: ADDRESS.search(program.tail()) is not None or program.code is not None, program.tail, 60)
        found = ADDRESS.search(program.tail())
        assert found is not None, program.tail()
        yield Shown(program, folder, found[1])
        assert program.stop(signal.SIGINT) == 130
        assert "Traceback" not in program.tail()


def test_the_first_pages_lead_to_the_views_and_the_saved_queries(shown: Shown) -> None:
    assert "Moodreel: moodreel.db" in shown.get("").text
    page = shown.get("moodreel").text
    visible = page[: page.index("hidden tables")]
    for relation in described().values():
        assert (f'href="/moodreel/{relation.name}"' in page) is (relation.kind == "view"), relation.name
    for saved in all_saved():
        assert f'href="/moodreel/{saved.name}"' in visible, saved.name
    assert 'href="/moodreel/mine"' in visible


def test_a_query_that_cannot_be_shown_is_left_out_with_a_word(shown: Shown) -> None:
    assert "queries/broken.sql is left out: " in shown.program.tail()
    assert "queries/problems.sql is left out: there is another @problems" in shown.program.tail()
    assert [row["path"] for row in shown.ask("problems")] == ["bad.mp4"]


def test_a_view_has_its_rows_sentences_and_facets(shown: Shown) -> None:
    assert len(shown.ask("emotions")) == 6
    assert [row["path"] for row in shown.ask("emotions", path="old.jpg")] == ["old.jpg"]
    page = shown.get("moodreel/emotions").text
    assert "Seconds from the container&#39;s start" in page
    assert "happiness" in page[page.index("facet-results") :]


def test_facets_are_columns_of_views() -> None:
    for view, columns in FACETS.items():
        assert described()[view].kind == "view"
        assert set(columns) <= {column.name for column in described()[view].columns}


@pytest.mark.parametrize("name", [saved.name for saved in all_saved()])
def test_each_saved_query_answers_of_the_newest_job_or_a_named_one(shown: Shown, name: str) -> None:
    given = {"path": "a.mp4", "stimulus": "ad1"} if name in {"emotion-over-time", "group-over-time"} else {}
    empty = name in {"cost", "files-without-faces", "low-confidence"}
    assert bool(shown.ask(name, **given)) is not empty
    assert shown.ask(name, **given, job="pilot") == shown.ask(name, **given)
    assert shown.ask(name, **given, job="nothing") == []


def test_inputs_mean_what_they_say_and_left_empty_the_default(shown: Shown) -> None:
    assert len(shown.ask("happiest-moments")) == 5
    assert len(shown.ask("happiest-moments", limit="2")) == 2
    assert len(shown.ask("low-confidence", below="0.95", limit="")) == 5
    assert [row["path"] for row in shown.ask("dominant-by-file", job="old")] == ["old.jpg"]
    assert shown.ask("mine") == [{"who": "me"}]
    assert shown.ask("mine", who="you") == [{"who": "you"}]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM face",
        "WITH gone AS (SELECT 1) DELETE FROM face",
        "ATTACH DATABASE 'other.db' AS other",
        "VACUUM INTO 'other.db'",
        "PRAGMA query_only = OFF",
        "SELECT load_extension('x')",
        "SELECT writefile('other.db', 'x')",
    ],
)
def test_nothing_can_be_changed(shown: Shown, sql: str) -> None:
    refused = shown.get("moodreel.json", sql=sql)
    assert refused.json()["ok"] is False
    assert sorted(path.name for path in shown.folder.iterdir()) == ["moodreel.db", "queries"]
    with Store.open(file_url(shown.folder / "moodreel.db")) as store:
        assert rows(store, "SELECT count(*) FROM face") == [(6,)]


def test_the_file_itself_is_not_handed_out(shown: Shown) -> None:
    assert shown.get("moodreel.db").status_code == 403


def test_who_calls_it_by_another_name_is_refused(shown: Shown) -> None:
    port = shown.url.rpartition(":")[2]
    for host, status in ((f"localhost:{port}", 200), (f"evil.example:{port}", 403), ("evil.example", 403), ("", 403)):
        assert httpx.get(shown.url, headers={"host": host}, trust_env=False, timeout=60).status_code == status


def test_a_mistake_leaves_no_traceback(shown: Shown) -> None:
    assert "no such column" in shown.get("moodreel.json", sql="SELECT nobody FROM face").json()["error"]
    assert "Traceback" not in shown.program.tail(100_000)


@pytest.mark.parametrize(
    ("database", "said", "hint"),
    [
        ("postgresql://somebody@nowhere/x", "shows SQLite files", "psql"),
        ("sqlite:///none.db", "no database", "moodreel run"),
    ],
)
def test_what_cannot_be_explored_ends_with_a_hint(tmp_path: Path, database: str, said: str, hint: str) -> None:
    ended = moodreel("explore", "--no-browser", "--database", database, cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert hint in ended.err
